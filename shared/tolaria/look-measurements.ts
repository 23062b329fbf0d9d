/** What is measured at a look: health, contributions, and the grafts that are about to change. */

import { GraftStudy } from './graft-study.ts';
import { HealthProbe } from './health-probe.ts';
import { finite, mean } from './interval-sums.ts';
import { LatencyProbe } from './latency-probe.ts';
import { type PendingAction, studyPending } from './pending-studies.ts';
import type { RunCore } from './run-core.ts';

export class LookMeasurements {
  #run: RunCore;
  #probe: HealthProbe | null = null;
  #grafts: GraftStudy | null = null;
  #latency: LatencyProbe;

  constructor(run: RunCore) {
    this.#run = run;
    this.#latency = new LatencyProbe(run.runtime, run.experiment, run.options.clock);
  }

  /** Logs health, and tells the growth controller what its gates look at. */
  async measure(): Promise<void> {
    const run = this.#run;
    const { step } = run.state;
    const seeds = run.growth.seeds();
    this.#probe ??= await HealthProbe.create(run.runtime, run.experiment);
    await this.#latency.measureNext();
    const report = await this.#probe.measure(step, run.rowAt(step), this.#latency.times);
    run.signals = report.signals;
    run.emit({ type: 'health', signals: report.signals });
    const { hostLoss, shadowLoss } = report;
    const improvement =
      hostLoss !== null && shadowLoss !== null && hostLoss > 0
        ? (hostLoss - shadowLoss) / hostLoss
        : null;
    const contributions = new Map<string, number | null>();
    const held = seeds.filter((s) => s.stage === 'HOLDING');
    if (held.length > 0) {
      const alphas = run.growth.alphas(step);
      const whole = await run.runtime.evaluate('validation', alphas);
      for (const seed of held) {
        const without = alphas.map((a, i) => (i === seed.alphaColumn ? 0 : a));
        const left = await run.runtime.evaluate('validation', without);
        contributions.set(seed.seedId, finite(mean(left.loss) - mean(whole.loss)));
      }
    }
    run.growth.recordMeasurements(report.signals, improvement, contributions);
  }

  /** Measures what the actions that take effect now are about; no bit of the run depends on it. */
  async study(pending: readonly PendingAction[]): Promise<void> {
    const run = this.#run;
    this.#grafts ??= new GraftStudy(run.runtime, run.experiment);
    const { step } = run.state;
    await studyPending(this.#grafts, run.growth, pending, step, (event) => run.emit(event));
  }

  /** Frees what measures one topology; it is made anew when it is needed. */
  dispose(): void {
    this.#probe?.dispose();
    this.#probe = null;
    this.#grafts?.dispose();
    this.#grafts = null;
  }
}
