/** The autotuner as the forge's pipelines use it: light within a budget, exhaustive without one. */
import { Autotuner } from '../engine/gpu/autotuner.ts';
import { GpuBackend } from '../engine/gpu/gpu-backend.ts';
import type { Backend } from '../engine/plan/backend.ts';
import { FRAGMENT_SCHEDULE } from '../tezzeret/kernel-text.ts';
import type { TuneSeed } from '../tezzeret/measure-cost.ts';

/** Longest that light tuning may take; what it does not reach keeps the default. */
const LIGHT_MS = 500;
const EXHAUSTIVE_MS = 10 * 60_000;
/** Least device time of one measurement. */
const LEAST_MS = { light: 2, exhaustive: 8 } as const;

/**
 * Undefined where there is nothing to tune: on the reference. What is found serves the training
 * plans of the same classes of shapes too; it changes no bit.
 */
export function forgeTuning(backend: Backend, shaderDigest: string): TuneSeed | undefined {
  if (!(backend instanceof GpuBackend)) return undefined;
  return async (plan, effort) => {
    const tuner = new Autotuner({
      ...{ adapter: backend.adapter.name, shaderDigest, minMs: LEAST_MS[effort] },
      budgetMs: effort === 'light' ? LIGHT_MS : EXHAUSTIVE_MS,
    });
    const context = {
      ...{ replicas: plan.replicas, parameterElements: plan.parameterElements },
      family: backend.adapter.kind === 'gpu' ? 'gpu' : 'software',
      ...{ quads: backend.quads, ...FRAGMENT_SCHEDULE },
    } as const;
    await tuner.tilesFor(plan.dispatches, context, backend.device, backend.pipelines);
    backend.tuning?.honour(tuner.record());
    return Object.entries(tuner.report().choices).map(([kernel, { candidates, tile }]) => {
      const timed = candidates.filter((c) => c.milliseconds !== null);
      const chosen = candidates.find((c) => c.tile === tile);
      return {
        ...{ kernel, candidates: candidates.length, verified: timed.length },
        defaultMs: candidates[0]?.milliseconds ?? null,
        chosenMs: chosen?.milliseconds ?? null,
      };
    });
  };
}
