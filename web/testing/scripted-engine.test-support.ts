/**
 * An engine that follows a script, for tests of the page alone. It speaks the protocol and trains
 * nothing: its curves are formulas. Only tests and the panel gallery import it.
 */

import type {
  EngineEnvelope,
  EngineMessage,
  EngineSnapshot,
  LayerReport,
} from '../../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../../shared/contracts/events.ts';
import type { Experiment } from '../../shared/contracts/experiment.ts';
import type { KernelTimes } from '../../shared/contracts/kernel-times.ts';
import { dormantSlot, type SeedSlotState, type SeedStage } from '../../shared/contracts/seed.ts';
import type { ServiceStatus } from '../../shared/contracts/services.ts';
import type { EnginePort } from '../engine-client.ts';

const TICK_MS = 100;
const STEPS_PER_TICK = 20;

/** What happens to the seed in `fc1`, by step. */
const SCRIPT: readonly [step: number, from: SeedStage, to: SeedStage, cause: string][] = [
  [300, 'DORMANT', 'LOADING', 'germinate'],
  [302, 'LOADING', 'TRAINING', 'placed'],
  [520, 'TRAINING', 'BLENDING', 'gate G2 passed'],
  [760, 'BLENDING', 'HOLDING', 'gate G3 passed'],
  [900, 'HOLDING', 'FOSSILIZED', 'gate G5 passed'],
  [960, 'DORMANT', 'TRAINING', 'germinate'],
];

type Listener = (event: MessageEvent<EngineMessage>) => void;

type NewEvent = DistributiveOmit<RunEvent, 'seq' | 'step'>;

/** A seed that helps after a small barrier; the second together with the first. */
function landscape(isFirst: boolean): NewEvent {
  const lossOf = (a: number, b: number) =>
    0.6 - 0.3 * b + 0.15 * a * (1 - a) * (1 - a) - 0.22 * a * a + 0.1 * a * b;
  const points = (n: number) => Array.from({ length: n }, (_, i) => i / (n - 1));
  const loss = points(17).map((a) => lossOf(a, isFirst ? 0 : 1));
  const lowest = Math.min(...loss);
  return {
    type: 'alpha-landscape',
    ...{ layerId: isFirst ? 'fc1' : 'fc2', slot: 0, seedId: isFirst ? 's1' : 's2' },
    ...{ alphas: points(17), loss, best: points(17)[loss.indexOf(lowest)]! },
    ...{ benefit: loss[0]! - loss[16]!, barrier: Math.max(...loss) - loss[0]! },
    pair: isFirst
      ? null
      : {
          ...{ layerId: 'fc1', slot: 0, seedId: 's1', alphas: points(9) },
          loss: points(9).map((a) => points(9).map((b) => lossOf(a, b))),
        },
    ...{ rows: 194, evaluations: isFirst ? 17 : 98 },
  };
}

function kernelTimes(step: number, isOpen: boolean): KernelTimes {
  if (!isOpen) throw new Error('Cannot do this without a run: start one first');
  const times: [string, number, number][] = [
    ...([
      ['matmul', 4, 0.21],
      ['adam_update', 1, 0.034],
    ] as [string, number, number][]),
    ...([
      ['softmax_xent', 1, 0.02],
      ['gather_batch', 3, 0.011],
    ] as [string, number, number][]),
  ];
  return {
    ...{ adapter: 'SwiftShader', step, timedSteps: 32, milliseconds: 0.275, unmeasured: null },
    kernels: times.map(([kernel, dispatches, milliseconds]) => ({
      ...{ kernel, dispatches, milliseconds },
    })),
  };
}

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

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const lossAt = (step: number): number =>
  0.28 + 0.42 * Math.exp(-step / 180) - 0.25 / (1 + Math.exp(-(step - 650) / 60));
const accuracyAt = (step: number): number =>
  0.5 + 0.2 * (1 - Math.exp(-step / 150)) + 0.28 / (1 + Math.exp(-(step - 650) / 60));

function stageAt(step: number): SeedStage {
  if (step < 300) return 'DORMANT';
  if (step < 302) return 'LOADING';
  if (step < 520) return 'TRAINING';
  if (step < 760) return 'BLENDING';
  return step < 900 ? 'HOLDING' : 'FOSSILIZED';
}

function slot(layerId: string, index: number, change: Partial<SeedSlotState>): SeedSlotState {
  return { ...dormantSlot(layerId, index), ...change };
}

function layersAt(step: number): LayerReport[] {
  const stage = stageAt(step);
  const alpha = Math.min(1, Math.max(0, (step - 520) / 240));
  const first = slot('fc1', 0, {
    stage,
    ...(stage === 'DORMANT'
      ? {}
      : {
          seedId: 's1',
          blueprint: 'residual-mlp-16',
          blendMode: 'add' as const,
          alpha,
          alphaTarget: step >= 520 ? 1 : 0,
          stageSince: SCRIPT.findLast(([at]) => at <= step)?.[0] ?? 0,
          parameters: 392,
          contribution: step > 800 ? 0.183 : null,
          gradientRatio: step > 320 ? 0.42 : null,
        }),
  });
  const second = slot(
    'fc2',
    0,
    step >= 960
      ? {
          stage: 'TRAINING',
          seedId: 's2',
          blueprint: 'residual-mlp-16',
          blendMode: 'add',
          stageSince: 960,
          parameters: 106,
        }
      : {},
  );
  const offers = [
    { blueprint: 'residual-mlp-16', parameters: 392 },
    { blueprint: 'residual-mlp-32', parameters: 1296 },
    { blueprint: 'low-rank-4', parameters: 40 },
    { blueprint: 'widen-16', parameters: 116 },
  ];
  return [layer('fc1', 2, 4, [first], step, offers), layer('fc2', 4, 2, [second], step, offers)];
}

function layer(
  layerId: string,
  inFeatures: number,
  outFeatures: number,
  slots: SeedSlotState[],
  step: number,
  offers: LayerReport['offers'],
): LayerReport {
  const seeds = slots.filter((s) => s.seedId !== null);
  const signal = (seedId: string | null, k: number): LayerReport['signals'][number] => ({
    layerId,
    seedId,
    step,
    activationVariance: 0.31 * k,
    deadUnitRatio: seedId === null ? 0.25 : 0,
    meanCorrelation: seedId === null ? -0.18 : null,
    gradientNorm: 0.012 * k * k,
    gradientVariance: 0.000034 * k,
    gradientRatio: seedId === null ? null : 0.42,
    expressivityBottleneck: seedId === null ? 0.00034 * k : null,
    latencyMs: seedId === null ? 0.0123 * k : null,
  });
  return {
    layerId,
    kind: 'linear',
    inFeatures,
    outFeatures,
    parameters: inFeatures * outFeatures + outFeatures,
    slots,
    signals: step < 50 ? [] : [signal(null, 1), ...seeds.map((s, i) => signal(s.seedId, i + 2))],
    offers,
  };
}

function decision(step: number): DistributiveOmit<RunEvent, 'seq' | 'step'> {
  const grows = step === 300 || step === 950;
  return {
    type: 'decision',
    source: 'in-process',
    decision: {
      id: `d${step}`,
      step,
      action: grows ? 'germinate' : 'wait',
      layerId: grows ? 'fc1' : null,
      slot: grows ? 0 : null,
      blueprint: grows ? 'residual-mlp-16' : null,
      rule: grows ? 'plateau' : 'progress',
      reason: grows
        ? 'The loss has improved by only 1.2 % over two looks, and training accuracy is 71 %: the host has run out of capacity'
        : 'The loss still improves',
      evidence: [
        {
          name: 'relative improvement',
          value: 0.012,
          threshold: 0.03,
          comparison: '<',
          holds: grows,
        },
        { name: 'training accuracy', value: 0.71, threshold: 0.995, comparison: '<', holds: true },
        { name: 'contribution of s1', value: null, threshold: 0, comparison: '>=', holds: false },
      ],
      confidence: 0.86,
      urgency: 0.5,
    },
  };
}

function service(name: string): ServiceStatus {
  return {
    name,
    url: 'http://127.0.0.1:8787',
    breaker: 'closed',
    tripped: false,
    calls: 42,
    failures: 0,
    retries: 1,
    latencyMs: 3.4,
    lastError: null,
    retryInMs: null,
  };
}

function spirals(): { xy: Float32Array; labels: Uint8Array } {
  const xy = new Float32Array(388);
  const labels = new Uint8Array(194);
  for (let i = 0; i < 194; i++) {
    const k = Math.floor(i / 2);
    const sign = i % 2 === 0 ? 1 : -1;
    const radius = (104 - k) / 104;
    const angle = (k * Math.PI) / 16;
    xy[i * 2] = sign * radius * Math.sin(angle);
    xy[i * 2 + 1] = sign * radius * Math.cos(angle);
    labels[i] = i % 2;
  }
  return { xy, labels };
}
