/** The loss of one network at many settings of its seeds' alphas, in fused passes. */
import type { Experiment } from '../contracts/experiment.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import { FusedEvaluation, MAX_POINTS } from './fused-evaluation.ts';
import type { NetworkRuntime, Split } from './network-runtime.ts';

export { MAX_POINTS };

/** Alpha of each seed by its id; seeds that are not named are out (alpha 0). */
export type AlphaSetting = ReadonlyMap<string, number>;

/** Evaluates one topology; make a new one when it changes. */
export class AlphaEvaluator {
  #runtime: NetworkRuntime;
  #seeds: readonly GraftedSeed[];
  #fused: FusedEvaluation;

  private constructor(
    runtime: NetworkRuntime,
    seeds: readonly GraftedSeed[],
    fused: FusedEvaluation,
  ) {
    this.#runtime = runtime;
    this.#seeds = seeds;
    this.#fused = fused;
  }

  /** @param points Settings of one pass, at most {@link MAX_POINTS}. */
  static async create(
    runtime: NetworkRuntime,
    experiment: Experiment,
    points: number,
    split: Split = 'validation',
  ): Promise<AlphaEvaluator> {
    const seeds = runtime.topology.seeds.map(
      (seed, i): GraftedSeed => ({ ...seed, stage: 'BLENDING', alphaColumn: i + 1 }),
    );
    const topology = { ...runtime.topology, seeds };
    const options = { topology, points, split, weights: 'shared' } as const;
    return new AlphaEvaluator(
      runtime,
      seeds,
      await FusedEvaluation.create(runtime, experiment, options),
    );
  }

  /** Rows of data a setting is evaluated on. */
  get rows(): number {
    return this.#fused.rows;
  }

  /** Mean loss over rows and over the run's replicas at each setting; NaN where it is not finite. */
  async losses(settings: readonly AlphaSetting[]): Promise<number[]> {
    const { points } = this.#fused;
    const { replicas } = this.#runtime;
    const out = new Array<number>(settings.length).fill(0);
    for (let first = 0; first < settings.length; first += points) {
      const some = settings.slice(first, first + points);
      const table = Array.from({ length: points }, (_, i) =>
        this.#row(some[Math.min(i, some.length - 1)]!),
      );
      for (let r = 0; r < replicas; r++) {
        this.#loadWeights(r);
        const losses = await this.#fused.losses(table);
        some.forEach((_, i) => {
          out[first + i]! += losses[i]! / replicas;
        });
      }
    }
    return out;
  }

  #row(setting: AlphaSetting): number[] {
    return [1, ...this.#seeds.map((seed) => setting.get(seed.seedId) ?? 0)];
  }

  #loadWeights(replica: number): void {
    const { arena, backend } = this.#runtime;
    const { weights } = this.#fused;
    this.#fused.loadStates(replica);
    if (!weights) return;
    const from = replica * arena.elements;
    backend.copy(arena.buffers.parameters, from, weights, 0, arena.elements);
  }

  dispose(): void {
    this.#fused.dispose();
  }
}
