/**
 * The loss of a network with one more seed at full weight, for many choices of the seed's weights in
 * one fused pass: each choice is a replica with the network's own weights and its own seed.
 */
import type { Experiment } from '../contracts/experiment.ts';
import { numel, pack } from '../engine/plan/shape.ts';
import { FULL_ALPHA, type GraftedSeed, seedPrefix } from '../kasmina/kasmina-layer.ts';
import { initialValues } from '../nn/initialise.ts';
import { FusedEvaluation } from './fused-evaluation.ts';
import type { NetworkRuntime } from './network-runtime.ts';

/** Logical values of a seed's parameters by node and kind, for example `out.weight`. */
export type SeedWeights = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** The seed whose weights are tried, before it is one of the network's. */
export type Candidate = Pick<GraftedSeed, 'layerId' | 'slot' | 'blueprint' | 'blendMode'>;

/**
 * Loss on the validation part for each choice, mean over the run's replicas.
 *
 * @param choices By choice, then by replica of the run; parameters that are not named have the
 *   first values their blueprint says. Null: the seed is not there.
 * @param alphas Of the network's own seeds, by column.
 */
export async function candidateLosses(
  runtime: NetworkRuntime,
  experiment: Experiment,
  candidate: Candidate,
  choices: readonly (readonly SeedWeights[] | null)[],
  alphas: readonly number[],
): Promise<{ losses: number[]; rows: number }> {
  const own = runtime.topology.seeds;
  const columns = Math.max(0, ...own.map((s) => s.alphaColumn));
  const seed: GraftedSeed = {
    ...candidate,
    seedId: 'candidate',
    stage: 'BLENDING',
    alphaColumn: columns + 1,
    group: own.length + 1,
  };
  const topology = { ...runtime.topology, seeds: [...own, seed] };
  const fused = await FusedEvaluation.create(runtime, experiment, {
    ...{ topology, points: choices.length, split: 'validation', weights: 'own' },
  });
  try {
    const losses = choices.map(() => 0);
    for (let r = 0; r < runtime.replicas; r++) {
      fused.loadStates(r);
      choices.forEach((choice, point) => {
        writeWeights(runtime, fused, seed, point, r, choice?.[r] ?? new Map());
      });
      const rows = choices.map((choice) => {
        const row = Array.from({ length: columns + 2 }, (_, c) => alphas[c] ?? 0);
        row[FULL_ALPHA] = 1;
        row[columns + 1] = choice ? 1 : 0;
        return row;
      });
      (await fused.losses(rows)).forEach((loss, i) => {
        losses[i]! += loss / runtime.replicas;
      });
    }
    return { losses, rows: fused.rows };
  } finally {
    fused.dispose();
  }
}

/** The network's weights of one replica and a choice of the seed's, as those of one setting. */
function writeWeights(
  runtime: NetworkRuntime,
  fused: FusedEvaluation,
  seed: GraftedSeed,
  point: number,
  replica: number,
  weights: SeedWeights,
): void {
  const { arena, backend, seeds } = runtime;
  const known = new Map(arena.parameters.map((p) => [p.name, p]));
  const { elements, parameters } = fused.layout;
  const prefix = `${seedPrefix(seed)}.`;
  for (const p of parameters) {
    const to = point * elements + p.offset;
    const source = known.get(p.name);
    if (source) {
      const from = replica * arena.elements + source.offset;
      backend.copy(arena.buffers.parameters, from, fused.weights!, to, numel(p.padded));
      continue;
    }
    const values = weights.get(p.name.slice(prefix.length)) ?? initialValues(p, seeds[replica]!);
    backend.writeFloats(fused.weights!, pack(values, p.shape, p.padded), to);
  }
}
