/**
 * Edits of the training options that the experiment file may leave out. What a person sets to its
 * default is left out again, so that the experiment keeps its identity.
 */
import type { AdapterReport } from '../../../shared/contracts/engine-protocol.ts';
import {
  Experiment,
  type LossSpec,
  type OptimizerSpec,
} from '../../../shared/contracts/experiment.ts';

export type LossChoice = 'cross-entropy' | 'mse' | 'mixed';
type Schedule = Experiment['schedule'];

/** The object with `key` set, or without it where the value is what its absence means. */
export function withOptional<T extends object, K extends keyof T>(
  object: T,
  key: K,
  value: T[K],
  absent: T[K],
): T {
  const { [key]: _, ...rest } = object;
  return (value === absent ? rest : { ...rest, [key]: value }) as T;
}

export const lossChoice = (loss: LossSpec): LossChoice =>
  typeof loss === 'string' ? loss : 'mixed';

/** Another loss. Label smoothing belongs to cross-entropy and goes with it. */
export function chooseLoss(draft: Experiment, choice: LossChoice): Experiment {
  const loss: LossSpec = choice === 'mixed' ? { crossEntropy: 0.5, mse: 0.5 } : choice;
  const next = { ...draft, loss };
  return choice === 'mse' ? withOptional(next, 'labelSmoothing', undefined, undefined) : next;
}

/** Another optimizer with its own defaults; what all have in common stays as it is. */
export function chooseOptimizer(before: OptimizerSpec, kind: OptimizerSpec['kind']): OptimizerSpec {
  if (before.kind === kind) return before;
  const { weightDecay, weightDecayRule, clipNorm } = before;
  const fresh: OptimizerSpec = Experiment.shape.optimizer.parse({ kind });
  return {
    ...fresh,
    weightDecay,
    ...(weightDecayRule === undefined ? {} : { weightDecayRule }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
  };
}

/** Another shape of the schedule; the warm-up stays, numbers of the old shape go. */
export function chooseSchedule(before: Schedule, kind: Schedule['kind']): Schedule {
  return Experiment.shape.schedule.parse({ kind, warmupSteps: before.warmupSteps });
}

/** Whether the adapter multiplies float16 numbers; null: there is none yet. */
export function offersHalf(
  adapter: Pick<AdapterReport, 'kind' | 'features'> | null,
): boolean | null {
  return adapter && (adapter.kind === 'reference' || adapter.features.includes('shader-f16'));
}

const DEFAULT_SCHEDULE: Schedule = Experiment.shape.schedule.parse({});

/** How many of the options differ from what an experiment has that names none of them. */
export function changedOptions(draft: Experiment): number {
  const { labelSmoothing = 0, loss, microBatches = 1, numerics, optimizer, schedule } = draft;
  const usual: OptimizerSpec = Experiment.shape.optimizer.parse({ kind: optimizer.kind });
  const differs = (a: object, b: object, skip: readonly string[]): number =>
    [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
      (key) =>
        !skip.includes(key) &&
        (a as Record<string, unknown>)[key] !== (b as Record<string, unknown>)[key],
    ).length;
  const one = (isChanged: boolean): number => (isChanged ? 1 : 0);
  return (
    one(loss !== 'cross-entropy') +
    one(labelSmoothing !== 0) +
    one(microBatches !== 1) +
    one((numerics ?? 'f32') !== 'f32') +
    differs(optimizer, usual, ['kind', 'learningRate']) +
    differs(schedule, DEFAULT_SCHEDULE, [])
  );
}
