/** Gathers per-step loss and accuracy of replica 0 for the charts, and the speed of training. */
import type { SeriesChunk } from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { StepMetrics } from '../tolaria/network-runtime.ts';

/** Milliseconds over which the speed is averaged. */
const SPEED_WINDOW_MS = 2000;

export class SeriesRecorder {
  #steps: number[] = [];
  #loss: number[] = [];
  #accuracy: number[] = [];
  #ticks: { at: number; step: number }[] = [];

  add(firstStep: number, metrics: readonly StepMetrics[]): void {
    metrics.forEach((m, i) => {
      this.#steps.push(firstStep + i + 1);
      this.#loss.push(m.loss[0]!);
      this.#accuracy.push(m.correct[0]! / m.count[0]!);
    });
  }

  /** Points of earlier sittings: one an interval, as the log has them. */
  replay(events: readonly RunEvent[]): void {
    for (const e of events) {
      if (e.type !== 'metrics') continue;
      this.#steps.push(e.step);
      this.#loss.push(e.loss[0] ?? Number.NaN);
      this.#accuracy.push(e.accuracy[0] ?? Number.NaN);
    }
  }

  tick(at: number, step: number): void {
    this.#ticks.push({ at, step });
    while (this.#ticks.length > 2 && at - this.#ticks[0]!.at > SPEED_WINDOW_MS) this.#ticks.shift();
  }

  /** Null until two slices have run. */
  get stepsPerSecond(): number | null {
    const first = this.#ticks[0];
    const last = this.#ticks.at(-1);
    if (!first || !last || last.at <= first.at) return null;
    return ((last.step - first.step) / (last.at - first.at)) * 1000;
  }

  /** What has gathered since the last call; null when nothing has. */
  take(): SeriesChunk | null {
    if (this.#steps.length === 0) return null;
    const chunk = {
      steps: Float64Array.from(this.#steps),
      loss: Float64Array.from(this.#loss),
      accuracy: Float64Array.from(this.#accuracy),
    };
    this.#steps = [];
    this.#loss = [];
    this.#accuracy = [];
    return chunk;
  }
}
