/**
 * What grafts are worth, measured in fused evaluations before a decision about them takes effect:
 * the loss along a seed's alpha (and jointly with one other seed's) when it wants to blend, and how
 * the seeds share what they bring when one is to be kept or taken out.
 */

import type { Experiment } from '../contracts/experiment.ts';
import type { Contribution, Landscape } from '../contracts/graft.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { AlphaEvaluator, type AlphaSetting, MAX_POINTS } from './alpha-evaluator.ts';
import { finite } from './interval-sums.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import { planShapley, shapleyValues } from './shapley.ts';

/** Alphas of a landscape: 17 along one seed, 9 by 9 with another. */
export const CURVE_POINTS = 17;
export const PAIR_POINTS = 9;

const grid = (points: number) => Array.from({ length: points }, (_, i) => i / (points - 1));

export class GraftStudy {
  #runtime: NetworkRuntime;
  #experiment: Experiment;
  #evaluators = new Map<number, AlphaEvaluator>();

  constructor(runtime: NetworkRuntime, experiment: Experiment) {
    this.#runtime = runtime;
    this.#experiment = experiment;
  }

  /**
   * Loss over the alpha of one seed, the others at `alphas`; and over its alpha and that of the
   * newest other seed that is part of the network.
   *
   * @param alphas Current alpha of each active seed by its id.
   */
  async landscape(seed: GraftedSeed, alphas: AlphaSetting, target: number): Promise<Landscape> {
    const { seeds } = this.#runtime.topology;
    const other = seeds.filter((s) => s.seedId !== seed.seedId && alphas.has(s.seedId)).at(-1);
    const curve = grid(CURVE_POINTS);
    const pair = grid(PAIR_POINTS);
    const settings: AlphaSetting[] = curve.map((a) => new Map([...alphas, [seed.seedId, a]]));
    if (other) {
      for (const a of pair) {
        for (const b of pair) {
          settings.push(new Map([...alphas, [seed.seedId, a], [other.seedId, b]]));
        }
      }
    }
    const evaluator = await this.#evaluatorFor(settings.length);
    const losses = await evaluator.losses(settings);
    const line = losses.slice(0, CURVE_POINTS);
    const atTarget = line[Math.round(target * (CURVE_POINTS - 1))]!;
    return {
      layerId: seed.layerId,
      slot: seed.slot,
      seedId: seed.seedId,
      alphas: curve,
      loss: line.map(finite),
      best: bestAlpha(curve, line),
      benefit: finite(line[0]! - atTarget),
      barrier: barrierOf(line),
      pair: other
        ? {
            layerId: other.layerId,
            slot: other.slot,
            seedId: other.seedId,
            alphas: pair,
            loss: pair.map((_, i) =>
              pair.map((_, j) => finite(losses[CURVE_POINTS + i * PAIR_POINTS + j]!)),
            ),
          }
        : null,
      rows: evaluator.rows,
      evaluations: settings.length,
    };
  }

  /**
   * What each active seed brings: the loss without it minus the loss with all, and its Shapley
   * share of the loss with none minus the loss with all.
   *
   * @param alphas Current alpha of each active seed by its id, at least one.
   */
  async contribution(alphas: AlphaSetting, step: number): Promise<Contribution> {
    const seeds = this.#runtime.topology.seeds.filter((s) => alphas.has(s.seedId));
    const plan = planShapley(seeds.length, this.#experiment.seed, String(step));
    const settings = plan.subsets.map(
      (mask): AlphaSetting =>
        new Map(
          seeds.flatMap((s, i) => (mask & (1 << i) ? [[s.seedId, alphas.get(s.seedId)!]] : [])),
        ),
    );
    const evaluator = await this.#evaluatorFor(settings.length);
    const losses = await evaluator.losses(settings);
    const byMask = new Map(plan.subsets.map((mask, i) => [mask, losses[i]!]));
    const lossOf = (mask: number) => byMask.get(mask)!;
    const { standardErrors, values } = shapleyValues(plan, (mask) => -lossOf(mask));
    const all = (1 << seeds.length) - 1;
    return {
      seeds: seeds.map((s, i) => ({
        layerId: s.layerId,
        slot: s.slot,
        seedId: s.seedId,
        removal: finite(lossOf(all & ~(1 << i)) - lossOf(all)),
        shapley: finite(values[i]!),
        standardError: finite(standardErrors[i] ?? Number.NaN),
      })),
      method: plan.method,
      withNone: finite(lossOf(0)),
      withAll: finite(lossOf(all)),
      rows: evaluator.rows,
      evaluations: settings.length,
    };
  }

  /** Makes the evaluator of {@link landscape} ready. @param pairs Whether another seed is active. */
  async prepareLandscape(pairs: boolean): Promise<void> {
    await this.#evaluatorFor(CURVE_POINTS + (pairs ? PAIR_POINTS ** 2 : 0));
  }

  async #evaluatorFor(settings: number): Promise<AlphaEvaluator> {
    const points = Math.min(MAX_POINTS, settings);
    const known = this.#evaluators.get(points);
    if (known) return known;
    const made = await AlphaEvaluator.create(this.#runtime, this.#experiment, points);
    this.#evaluators.set(points, made);
    return made;
  }

  dispose(): void {
    for (const evaluator of this.#evaluators.values()) evaluator.dispose();
    this.#evaluators.clear();
  }
}

/** Where the curve is lowest; ties go to the smaller alpha. Null: nothing finite. */
function bestAlpha(alphas: readonly number[], losses: readonly number[]): number | null {
  let best = -1;
  losses.forEach((loss, i) => {
    if (Number.isFinite(loss) && (best < 0 || loss < losses[best]!)) best = i;
  });
  return best < 0 ? null : alphas[best]!;
}

/** Largest rise above the loss at alpha 0 on the way; null where a loss is not finite. */
function barrierOf(losses: readonly number[]): number | null {
  return finite(Math.max(...losses.map((loss) => loss - losses[0]!)));
}
