/** The formulas behind the scripted engine: what its run looks like at a step. Measured nowhere. */
import type { LayerReport } from '../../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../../shared/contracts/events.ts';
import type { KernelTimes } from '../../shared/contracts/kernel-times.ts';
import { dormantSlot, type SeedSlotState, type SeedStage } from '../../shared/contracts/seed.ts';
import type { ServiceStatus } from '../../shared/contracts/services.ts';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** An event before the engine numbers it. */
export type NewEvent = DistributiveOmit<RunEvent, 'seq' | 'step'>;

/** What happens to the seed in `fc1`, by step. */
export const SCRIPT: readonly [step: number, from: SeedStage, to: SeedStage, cause: string][] = [
  [300, 'DORMANT', 'LOADING', 'germinate'],
  [302, 'LOADING', 'TRAINING', 'placed'],
  [520, 'TRAINING', 'BLENDING', 'gate G2 passed'],
  [760, 'BLENDING', 'HOLDING', 'gate G3 passed'],
  [900, 'HOLDING', 'FOSSILIZED', 'gate G5 passed'],
  [960, 'DORMANT', 'TRAINING', 'germinate'],
];

/** A seed that helps after a small barrier; the second together with the first. */
export function landscape(isFirst: boolean): NewEvent {
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

export function kernelTimes(step: number, isOpen: boolean): KernelTimes {
  if (!isOpen) throw new Error('Cannot do this without a run: start one first');
  const times = [
    ['matmul', 4, 0.21],
    ['adam_update', 1, 0.034],
    ['softmax_xent', 1, 0.02],
    ['gather_batch', 3, 0.011],
  ] as const;
  return {
    ...{ adapter: 'SwiftShader', step, timedSteps: 32, milliseconds: 0.275, unmeasured: null },
    kernels: times.map(([kernel, dispatches, milliseconds]) => ({
      ...{ kernel, dispatches, milliseconds },
    })),
  };
}

export const lossAt = (step: number): number =>
  0.28 + 0.42 * Math.exp(-step / 180) - 0.25 / (1 + Math.exp(-(step - 650) / 60));
export const accuracyAt = (step: number): number =>
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

export function layersAt(step: number): LayerReport[] {
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

export function decision(step: number): NewEvent {
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

export function service(name: string): ServiceStatus {
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

export function spirals(): { xy: Float32Array; labels: Uint8Array } {
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
