/**
 * An engine that follows a script, for tests of the page alone. It speaks the protocol and trains
 * nothing: its curves are formulas. Only tests and the panel gallery import it.
 */

import type {
  EngineEnvelope,
  EngineMessage,
  EngineSnapshot,
} from '../../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../../shared/contracts/events.ts';
import type { Experiment } from '../../shared/contracts/experiment.ts';
import type { ServiceStatus } from '../../shared/contracts/services.ts';
import type { EnginePort } from '../engine-client.ts';
import {
  accuracyAt,
  decision,
  kernelTimes,
  landscape,
  layersAt,
  lossAt,
  type NewEvent,
  SCRIPT,
  service,
  spirals,
} from './scripted-state.test-support.ts';

const TICK_MS = 100;
const STEPS_PER_TICK = 20;

type Listener = (event: MessageEvent<EngineMessage>) => void;

export class ScriptedEngine implements EnginePort {
  #listeners: Listener[] = [];
  #experiment: Experiment | null = null;
  #status: EngineSnapshot['status'] = 'idle';
  #step = 0;
  #seq = 0;
  #resolution = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #services: ServiceStatus[] = ['tamiyo', 'urza'].map(service);
  requests: EngineEnvelope['request'][] = [];
  /** `images`: reports an image task instead of one in the plane. */
  task: 'plane' | 'images' = 'plane';

  addEventListener(type: string, listener: unknown): void {
    if (type !== 'message') return;
    this.#listeners.push(listener as Listener);
    queueMicrotask(() => this.#greet());
  }

  postMessage({ id, request }: EngineEnvelope): void {
    this.requests.push(request);
    queueMicrotask(() => {
      try {
        this.emit({ kind: 'reply', id, ok: true, value: this.#handle(request) });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.emit({ kind: 'reply', id, ok: false, error: { name: 'Error', message } });
      }
    });
  }

  emit(message: EngineMessage): void {
    for (const listener of this.#listeners) listener({ data: message } as MessageEvent);
  }

  /** Trains to a step at once, as if time had passed. */
  runTo(step: number): void {
    while (this.#step < step) this.#train(Math.min(STEPS_PER_TICK, step - this.#step));
    this.#snapshot();
  }

  setBreaker(name: string, change: Partial<ServiceStatus>): void {
    this.#services = this.#services.map((s) => (s.name === name ? { ...s, ...change } : s));
    this.#snapshot();
  }

  #greet(): void {
    this.emit({
      kind: 'adapter',
      adapter: {
        name: 'SwiftShader',
        vendor: 'google',
        architecture: 'swiftshader',
        kind: 'software',
        features: ['timestamp-query'],
      },
    });
    this.#snapshot();
  }

  #handle(request: EngineEnvelope['request']): unknown {
    switch (request.kind) {
      case 'start':
        this.#prepare(request.experiment);
        if (!request.paused) this.#run();
        return undefined;
      case 'resume-stored':
        return false;
      case 'pause':
        this.#stop('paused');
        return undefined;
      case 'continue':
        this.#run();
        return undefined;
      case 'step':
        this.#stop('paused');
        this.runTo(this.#step + request.steps);
        return undefined;
      case 'reset':
        if (!this.#experiment) throw new Error('Cannot reset: no run was started');
        this.#prepare({ ...this.#experiment, seed: request.seed ?? this.#experiment.seed });
        return undefined;
      case 'boundary':
        this.#resolution = request.resolution;
        this.#boundary();
        return undefined;
      case 'trip-breaker':
        this.setBreaker(request.service, { breaker: 'open', tripped: true });
        return undefined;
      case 'reset-breaker':
        this.setBreaker(request.service, { breaker: 'closed', tripped: false, retryInMs: null });
        return undefined;
      case 'command':
        this.#event({
          type: 'command',
          command: request.command,
          origin: 'person',
          accepted: false,
          reason: 'the script decides',
        });
        return undefined;
      case 'export':
        return {
          name: 'run.json',
          mediaType: 'application/json',
          bytes: new TextEncoder().encode('{}').buffer,
        };
      case 'kernel-times':
        return kernelTimes(this.#step, this.#experiment !== null);
      case 'list-runs':
        return [];
      case 'speed':
        return undefined;
      default:
        throw new Error('Cannot look back: the script keeps no run');
    }
  }

  #prepare(experiment: Experiment): void {
    this.#stop('preparing');
    this.#experiment = experiment;
    this.#step = 0;
    this.#seq = 0;
    const runId = 'scripted';
    this.emit({ kind: 'cleared', runId });
    this.emit({ kind: 'experiment', runId, experiment });
    const points = this.task === 'plane' ? spirals() : null;
    this.emit({
      kind: 'data',
      data: {
        name: experiment.data.source,
        features: points ? 2 : 144,
        classes: points ? ['0', '1'] : Array.from({ length: 10 }, (_, k) => `digit ${k}`),
        trainSize: points ? 194 : 3200,
        testSize: points ? 192 : 800,
        imageShape: points ? null : [12, 12, 1],
        points,
      },
    });
    this.#event({
      type: 'run.started',
      adapter: 'SwiftShader',
      shaderDigest: 'sha256:00',
      configDigest: 'sha256:00',
      resumed: false,
    });
    this.#stop('paused');
    this.#boundary();
  }

  #run(): void {
    this.#status = 'running';
    this.#timer ??= setInterval(() => {
      this.#train(STEPS_PER_TICK);
      this.#snapshot();
    }, TICK_MS);
    this.#snapshot();
  }

  #stop(status: EngineSnapshot['status']): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#status = status;
    this.#snapshot();
  }

  #train(count: number): void {
    const steps = new Float64Array(count);
    const loss = new Float64Array(count);
    const accuracy = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const step = ++this.#step;
      steps[i] = step;
      loss[i] = lossAt(step) * (1 + 0.25 * Math.sin(step * 12.9898) * Math.cos(step * 4.1));
      accuracy[i] = Math.min(1, accuracyAt(step) + 0.04 * Math.sin(step * 7.7));
      this.#follow(step);
    }
    this.emit({ kind: 'series', runId: 'scripted', series: { steps, loss, accuracy } });
    if (this.#step % 100 < count) this.#boundary();
    const total = this.#experiment?.steps ?? 2000;
    if (this.#step >= total) this.#stop('finished');
  }

  #follow(step: number): void {
    for (const [at, from, to, cause] of SCRIPT) {
      if (at !== step) continue;
      const second = at >= 960;
      this.#event({
        type: 'transition',
        layerId: second ? 'fc2' : 'fc1',
        slot: 0,
        seedId: second ? 's2' : 's1',
        blueprint: 'residual-mlp-16',
        from,
        to,
        cause,
        parameters: 410,
      });
    }
    if (step % 250 === 0) {
      for (const split of ['train', 'test'] as const) {
        const loss = lossAt(step) * (split === 'test' ? 1.15 : 1);
        const accuracy = accuracyAt(step) - (split === 'test' ? 0.02 : 0);
        this.emit({ kind: 'evaluation', step, split, loss, accuracy });
        this.#event({ type: 'evaluation', split, loss: [loss], accuracy: [accuracy] });
      }
    }
    if (step % 50 === 0) this.#event(decision(step));
    if (step === 400 || step === 1200) this.#event(landscape(step === 400));
    if (step === 1300) {
      const cost = { method: 'exact', withNone: 0.62, withAll: 0.18, rows: 194, evaluations: 4 };
      const seeds = [
        { layerId: 'fc1', slot: 0, seedId: 's1', removal: 0.31, shapley: 0.34 },
        { layerId: 'fc2', slot: 0, seedId: 's2', removal: 0.07, shapley: 0.1 },
      ].map((s) => ({ ...s, standardError: null }));
      this.#event({ type: 'contribution', ...cost, seeds } as NewEvent);
    }
  }

  #event(event: NewEvent): void {
    this.emit({
      kind: 'events',
      events: [{ seq: this.#seq++, step: this.#step, ...event } as RunEvent],
    });
  }

  #boundary(): void {
    const n = this.#resolution;
    if (n === 0 || this.task !== 'plane' || !this.#experiment) return;
    const probabilities = new Float32Array(n * n * 2);
    const sharp = Math.min(1, this.#step / 900);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        const x = (column / (n - 1)) * 2.4 - 1.2;
        const y = (row / (n - 1)) * 2.4 - 1.2;
        const turn = Math.sin(Math.atan2(x, y) - Math.hypot(x, y) * 20 + 1.4);
        const wave = sharp * turn * 6 + (1 - sharp) * (x + 0.3 * y) * 3;
        const p = 1 / (1 + Math.exp(-wave));
        probabilities[(row * n + column) * 2] = p;
        probabilities[(row * n + column) * 2 + 1] = 1 - p;
      }
    }
    this.emit({
      kind: 'boundary',
      image: {
        step: this.#step,
        resolution: n,
        classes: 2,
        extent: [-1.2, -1.2, 1.2, 1.2],
        probabilities,
      },
    });
  }

  #snapshot(): void {
    const experiment = this.#experiment;
    this.emit({
      kind: 'snapshot',
      snapshot: {
        runId: experiment ? 'scripted' : '',
        status: this.#status,
        message: null,
        step: this.#step,
        totalSteps: experiment?.steps ?? 0,
        seed: experiment?.seed ?? 1,
        stepsPerSecond: this.#status === 'running' ? 203.4 : null,
        parameters: 410,
        layers: experiment ? layersAt(this.#step) : [],
        services: this.#services,
        policySource: 'in-process',
        cache: { entries: 5, bytes: 48_211, hits: 12, misses: 5, evictions: 0 },
        memory: { arenaBytes: 18_432, withoutReuseBytes: 52_224, parameterBytes: 6560 },
        dispatchesPerStep: experiment ? 9 : 0,
      },
    });
  }
}
