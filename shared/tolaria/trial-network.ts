/**
 * Short trial branches of a run: copies of its network as replicas of one plan, each with one
 * candidate seed at full weight, the first without any. All train on the batches the run itself
 * would see next, from its weights and moments. The run's own buffers are only read.
 *
 * Every replica computes all candidates and blends in its own: with alpha 0 a seed adds nothing and
 * feels nothing, so a branch has the bits it would have alone.
 */
import type { Blueprint } from '../contracts/blueprint.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { BlendMode } from '../contracts/seed.ts';
import { numel } from '../engine/plan/shape.ts';
import type { GraftedSeed } from '../kasmina/kasmina-layer.ts';
import {
  disposePlan,
  type EvaluationPlan,
  MAX_CHUNK,
  METRICS,
  metricsOf,
  prepareEvaluation,
  prepareTraining,
  type TrainingPlan,
} from './network-plans.ts';
import type { NetworkRuntime } from './network-runtime.ts';
import { fillRow, type ParameterGroup, type ScheduleRow } from './schedule.ts';
import { ARENA_BUFFERS, type TrainingArena } from './training-arena.ts';

/** Fewest rows of a batch of the comparison, where the data have as many. */
const MIN_EVALUATION_BATCH = 64;

export interface TrialCandidate {
  /** Names the seed's parameters: the same candidate keeps them from plan to plan. */
  id: string;
  layerId: string;
  slot: number;
  blueprint: Blueprint;
  blendMode: BlendMode;
}

export class TrialNetwork {
  readonly candidates: readonly TrialCandidate[];
  /** Rows of the validation part, on which branches are compared. */
  readonly rows: number;
  #runtime: NetworkRuntime;
  #experiment: Experiment;
  #groups: readonly ParameterGroup[];
  #columns: number;
  #training: TrainingPlan;
  #evaluation: EvaluationPlan;

  private constructor(
    runtime: NetworkRuntime,
    experiment: Experiment,
    candidates: readonly TrialCandidate[],
    made: {
      groups: readonly ParameterGroup[];
      columns: number;
      training: TrainingPlan;
      evaluation: EvaluationPlan;
      rows: number;
    },
  ) {
    this.#runtime = runtime;
    this.#experiment = experiment;
    this.candidates = candidates;
    this.#groups = made.groups;
    this.#columns = made.columns;
    this.#training = made.training;
    this.#evaluation = made.evaluation;
    this.rows = made.rows;
  }

  get #arena(): TrainingArena {
    return this.#training.arena;
  }

  /**
   * Branches from the run as it is (replica 0), or from those of `before` that go on.
   *
   * @param step Step of the first update of a candidate that is new.
   */
  static async create(
    runtime: NetworkRuntime,
    experiment: Experiment,
    candidates: readonly TrialCandidate[],
    step: number,
    before: TrialNetwork | null,
  ): Promise<TrialNetwork> {
    const { backend } = runtime;
    const own = runtime.topology.seeds.filter((s) => s.stage !== 'TRAINING');
    const columns = Math.max(0, ...own.map((s) => s.alphaColumn));
    const seeds: GraftedSeed[] = [
      ...own.map((seed, i) => ({ ...seed, group: i + 1 })),
      ...candidates.map(({ id, ...candidate }, i) => ({
        ...candidate,
        seedId: id,
        stage: 'BLENDING' as const,
        alphaColumn: columns + 1 + i,
        group: own.length + 1 + i,
      })),
    ];
    const born = (group: number) => runtime.groups[group]?.bornStep ?? 0;
    const groups: ParameterGroup[] = [
      { bornStep: born(0) },
      ...own.map((seed) => ({ bornStep: born(seed.group) })),
      ...candidates.map(() => ({ bornStep: before ? before.#bornStep : step })),
    ];
    const topology = { ...runtime.topology, seeds };
    const points = candidates.length + 1;
    const data = runtime.dataOf('validation');
    const owner = {
      ...{ backend, experiment, topology },
      // Every branch draws the batches and the dropout of the run's replica 0.
      ...{ name: 'trial', data: runtime.dataOf('train') },
      seeds: new Array<number>(points).fill(runtime.seeds[0]!),
    };
    const training = await prepareTraining(owner, groups.length);
    const evaluation = await prepareEvaluation(
      { ...owner, name: 'trial-evaluate', data },
      training.arena,
      MIN_EVALUATION_BATCH,
    );
    const made = { groups, columns, training, evaluation, rows: data.size };
    const network = new TrialNetwork(runtime, experiment, candidates, made);
    network.#carry(before);
    return network;
  }

  /** Step before whose update the candidates' moments were zero. */
  get #bornStep(): number {
    return this.#groups.at(-1)!.bornStep;
  }

  /** Copies weights, moments and running statistics on the device; what neither has is drawn. */
  #carry(before: TrialNetwork | null): void {
    const { backend, seeds } = this.#runtime;
    const source = before ? before.#arena : this.#runtime.arena;
    const known = new Map(source.parameters.map((p) => [p.name, p]));
    const fresh = new Set<string>();
    const rowOf = (point: number): number => {
      if (!before || point === 0) return 0;
      const { id } = this.candidates[point - 1]!;
      return 1 + before.candidates.findIndex((c) => c.id === id);
    };
    for (const p of this.#arena.parameters) {
      const from = known.get(p.name);
      if (!from) {
        fresh.add(p.name);
        continue;
      }
      for (const buffer of ARENA_BUFFERS) {
        for (let point = 0; point <= this.candidates.length; point++) {
          backend.copy(
            source.buffers[buffer],
            rowOf(point) * source.elements + from.offset,
            this.#arena.buffers[buffer],
            point * this.#arena.elements + p.offset,
            numel(p.padded),
          );
        }
      }
    }
    for (const { name, padded } of this.#arena.states) {
      const from = source.buffers[name];
      if (!from) {
        fresh.add(name);
        continue;
      }
      const size = numel(padded);
      for (let point = 0; point <= this.candidates.length; point++) {
        const at = rowOf(point) * size;
        backend.copy(from, at, this.#arena.buffers[name]!, point * size, size);
      }
    }
    const drawn = new Array<number>(this.candidates.length + 1).fill(seeds[0]!);
    this.#arena.initialise(drawn, fresh);
  }

  /** Trains all branches from `step`. @param rowAt Learning rate and the run's alphas by step. */
  train(step: number, steps: number, rowAt: (step: number) => ScheduleRow): void {
    const { backend } = this.#runtime;
    const { control, executable } = this.#training;
    for (let done = 0; done < steps; done += MAX_CHUNK) {
      const chunk = Math.min(MAX_CHUNK, steps - done);
      control.writeRows(step + done, chunk, (out, at, s, point) => {
        const row = rowAt(s);
        const branch = { ...row, alphas: this.#alphas(row.alphas, point) };
        fillRow(out, at, branch, s, this.#groups, this.#experiment.optimizer);
      });
      backend.run(executable, chunk);
    }
  }

  /** Loss of each branch on the validation part, the one without a candidate first. */
  async losses(alphas: readonly number[]): Promise<number[]> {
    const { backend } = this.#runtime;
    const { batches, control, executable, metrics } = this.#evaluation;
    const points = this.candidates.length + 1;
    control.writeRows(0, batches, (out, at, _step, point) => {
      out.set(this.#alphas(alphas, point), at);
    });
    backend.run(executable, batches);
    const table = await backend.readFloats(metrics, 0, batches * points * METRICS);
    return metricsOf(table, batches, points).loss;
  }

  #alphas(own: readonly number[], point: number): number[] {
    const row = Array.from({ length: this.#columns + 1 }, (_, c) => own[c] ?? 0);
    return [...row, ...this.candidates.map((_, i) => (i === point - 1 ? 1 : 0))];
  }

  /** Logical values of a parameter of one branch. Synchronises. */
  readParameter(name: string, point: number): Promise<Float32Array> {
    return this.#arena.readParameter(name, point);
  }

  dispose(): void {
    const { backend } = this.#runtime;
    for (const plan of [this.#training, this.#evaluation]) disposePlan(backend, plan);
    this.#arena.dispose();
  }
}
