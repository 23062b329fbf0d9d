/**
 * What a seed was worth, causally: the run at a step beside its twin, the same run without that
 * seed's germination, trained on the same batches to the same step.
 */
import { InputError } from '../base/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import { FULL_ALPHA } from '../kasmina/kasmina-layer.ts';
import type { RunStorage } from '../platform/platform.ts';
import { finite, mean } from '../tolaria/interval-sums.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { branchRun, findDecided, NO_CHANGE } from './branch-run.ts';
import type { Workbench } from './open-run.ts';
import { readHistory } from './run-history.ts';
import type { TwinEvent } from './twins.ts';

/** Steps after germination that are compared where nobody asked for another number. */
export const DEFAULT_HORIZON = 1000;

export interface TwinOptions {
  /** For example `s1`. */
  seedId: string;
  /** Steps after germination; null: up to 1,000, as many as the run has made. */
  horizon: number | null;
  dataset?: Dataset;
  /** @param done Share of the work, [0, 1]. */
  onProgress?(done: number): void;
  stop?(): boolean;
}

interface Measured {
  loss: number | null;
  accuracy: number | null;
}

/**
 * The topologies of run and twin differ, so that they are trained one after the other.
 *
 * @returns Null when it was stopped.
 * @throws {InputError} If the run has no such seed, or has not come that far.
 */
export async function measureTwin(
  bench: Workbench,
  storage: RunStorage,
  options: TwinOptions,
): Promise<TwinEvent | null> {
  const { seedId, stop } = options;
  const { events } = await readHistory(storage);
  const cause = findDecided(events, seedId);
  const birth = events.find(
    (e) => e.type === 'transition' && e.seedId === seedId && e.from === 'DORMANT',
  );
  const blueprint = (birth?.type === 'transition' && birth.blueprint) || '';
  const from = cause.step;
  const made = events.reduce((n, e) => Math.max(n, e.step), 0) - from;
  const horizon = options.horizon ?? Math.min(DEFAULT_HORIZON, made);
  if (horizon < 1 || horizon > made) {
    throw new InputError(
      `Cannot compare seed ${seedId} with its twin over ${horizon} steps: it germinated at step ${from}, and the run has made ${made} steps since; choose from 1 to ${made}`,
    );
  }
  const to = from + horizon;
  const shared = {
    ...(options.dataset ? { dataset: options.dataset } : {}),
    ...(stop ? { stop } : {}),
    ...{ future: 'schedule' as const, parent: 'twin' },
  };
  const share = (half: number) => (step: number) =>
    options.onProgress?.(half + Math.max(0, (step - from) / horizon) / 2);
  let run: Measured | null = null;
  let twin: Measured | null = null;
  let removal: number | null = null;
  const first = await branchRun(bench, storage, {
    ...{ ...shared, at: to, change: NO_CHANGE, onStep: share(0) },
    async onReached(trainer) {
      run = await measure(trainer);
      removal = await removalOf(trainer, seedId, run);
    },
  });
  if (!first || stop?.()) return null;
  await branchRun(bench, storage, {
    ...{ ...shared, at: from, trainTo: to, onStep: share(0.5) },
    change: { without: { seq: cause.seq, text: `germinate ${seedId}` }, added: [] },
    async onReached(trainer) {
      twin = await measure(trainer);
    },
  });
  // Assigned in callbacks, which the compiler does not follow.
  const [a, b] = [run as Measured | null, twin as Measured | null];
  if (!a || !b) return null;
  return {
    ...{ type: 'twin', seedId, blueprint, germinatedStep: from, horizon },
    ...{ loss: a.loss, accuracy: a.accuracy, twinLoss: b.loss, twinAccuracy: b.accuracy },
    causal: a.loss === null || b.loss === null ? null : b.loss - a.loss,
    removal,
  };
}

async function measure(trainer: Trainer): Promise<Measured> {
  const { accuracy, loss } = await trainer.evaluate('validation');
  const over = (values: (number | null)[]) => finite(mean(values.map((v) => v ?? Number.NaN)));
  return { loss: over(loss), accuracy: over(accuracy) };
}

/** Now where the seed can be taken out, else what was measured when it was committed. */
async function removalOf(
  trainer: Trainer,
  seedId: string,
  whole: Measured,
): Promise<number | null> {
  const { growth, runtime, step } = trainer;
  const seed = growth.seeds().find((s) => s.seedId === seedId);
  if (!seed || seed.alphaColumn === FULL_ALPHA) {
    return growth.state.outcomes.find((o) => o.seedId === seedId)?.contribution ?? null;
  }
  const without = growth.alphas(step).map((a, i) => (i === seed.alphaColumn ? 0 : a));
  const left = finite(mean((await runtime.evaluate('validation', without)).loss));
  return left === null || whole.loss === null ? null : left - whole.loss;
}
