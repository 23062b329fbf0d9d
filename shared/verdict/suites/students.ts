/**
 * The students of the student-teacher task: a Kasmina host of one hidden layer without biases, whose
 * output layer has a seed slot, as replicas of one network. A student grows by a widening seed that
 * reads the input, beside the hidden layer; it is blended in at full weight with computed weights,
 * trains with the host, and is folded into the hidden layer when the next one comes.
 */
import { Blueprint } from '../../contracts/blueprint.ts';
import { dormantSlot, type SeedSlotState } from '../../contracts/seed.ts';
import { differentiate } from '../../engine/plan/autodiff.ts';
import type { Backend, DeviceBuffer } from '../../engine/plan/backend.ts';
import type { Graph, Tensor } from '../../engine/plan/graph.ts';
import { roundUp } from '../../engine/plan/shape.ts';
import { foldSite } from '../../kasmina/fold-site.ts';
import { foldedTensors } from '../../kasmina/fold-tensors.ts';
import { evaluationForward, type Topology } from '../../kasmina/growing-network.ts';
import { changedLayers } from '../../kasmina/host-changes.ts';
import { type GraftedSeed, seedPrefix } from '../../kasmina/kasmina-layer.ts';
import * as slots from '../../kasmina/seed-slot.ts';
import type { HostLayer } from '../../models/layer.ts';
import { initialValues } from '../../nn/initialise.ts';
import { noStatistics, ReplicaNet } from './replica-net.ts';
import { FEATURES, type Student, type Unit } from './student-teacher-growth.ts';
import { type Pair, ROWS } from './student-teacher-task.ts';

/** Units of the widest student. */
export const FULL = 10;
const SGD = { kind: 'sgd', learningRate: 0.1, momentum: 0, weightDecay: 0 } as const;
/**
 * Value of one more input. At a pre-activation of exactly 0 the source's ReLU lets the gradient
 * through and ours does not; a new unit without input weights would stay dead for ever. With a weight
 * of 1 on this input it is just above 0, and neither the value nor that weight's gradient ever
 * matters beside any other.
 */
const ABOVE_ZERO = 1e-30;
/** Inputs of a student: the task's, and that one. */
export const INPUTS = FEATURES + 1;

const HIDDEN = 'hidden';
const OUTPUT = 'output';
/** One ReLU unit, as the host's own. Its weights are computed, whatever the blueprint says. */
export const UNIT = Blueprint.parse({
  name: 'relu-unit',
  description: 'One more hidden unit of a student, without biases.',
  host: 'linear',
  nodes: [
    { id: 'hidden', op: 'linear', inputs: ['x'], units: 1, bias: false },
    { id: 'act', op: 'activation', inputs: ['hidden'], activation: 'relu' },
    { id: 'out', op: 'linear', inputs: ['act'], units: 'out', bias: false, init: 'zeros' },
  ],
  output: 'out',
});

const layersOf = (units: number): HostLayer[] => [
  { kind: 'linear', name: HIDDEN, units, bias: false },
  { kind: 'activation', activation: 'relu' },
  { kind: 'linear', name: OUTPUT, units: FEATURES, bias: false },
];

/** Students of one width, trained together. */
export class Students {
  readonly #backend: Backend;
  readonly #pairs: readonly Pair[];
  readonly #externals: Record<string, DeviceBuffer> = {};
  #net: ReplicaNet | null = null;
  #layers: readonly HostLayer[] = [];
  #slot: SeedSlotState = dormantSlot(OUTPUT, 0);
  /** Number of the seed in the slot, from 1. */
  #seeds = 0;

  constructor(backend: Backend, pairs: readonly Pair[]) {
    this.#backend = backend;
    this.#pairs = pairs;
    const upload = (name: string, width: number, rows: readonly ArrayLike<number>[]) => {
      const stride = roundUp(width, 4);
      const data = new Float32Array(rows.length * stride);
      rows.forEach((row, i) => {
        for (let f = 0; f < width; f++) data[i * stride + f] = row[f]!;
      });
      const buffer = backend.createBuffer(name, data.length);
      backend.writeFloats(buffer, data);
      this.#externals[name] = buffer;
    };
    upload(
      'x',
      INPUTS,
      pairs[0]!.task.x.map((row) => [...row, ABOVE_ZERO]),
    );
    upload(
      'negative_targets',
      FEATURES,
      pairs.flatMap((p) => p.task.y.map((row) => row.map((v) => -v))),
    );
    const noRows = backend.createBuffer('no_rows', 16 * pairs.length);
    backend.writeFloats(noRows, new Float32Array(16 * pairs.length));
    this.#externals['no_rows'] = noRows;
  }

  /** Students of `units` hidden units with first values drawn from their seeds, as Glorot's. */
  async begin(units: number): Promise<void> {
    const first = (name: string, shape: [number, number], seed: number) => {
      const init = { kind: 'xavier', fanIn: shape[0], fanOut: shape[1] } as const;
      const values = initialValues({ name, shape, init }, seed);
      return Array.from({ length: shape[0] }, (_, i) => [
        ...values.subarray(i * shape[1], (i + 1) * shape[1]),
      ]);
    };
    await this.restore(
      this.#pairs.map(({ seed }) => ({
        fanIn: first('fan_in', [FEATURES, units], seed),
        fanOut: first('fan_out', [units, FEATURES], seed),
      })),
    );
  }

  /** The slot, for whoever wants to see its stage. */
  get slot(): SeedSlotState {
    return this.#slot;
  }

  #topology(grafts: readonly GraftedSeed[]): Topology {
    return {
      ...{ layers: this.#layers, input: [INPUTS], seeds: grafts },
      ...{ incubation: 'shadow', reach: 'span' },
    };
  }

  /** The seed in the slot as a part of the network, or none. */
  #grafts(): GraftedSeed[] {
    const { stage, seedId } = this.#slot;
    if (seedId === null || this.#slot.folded) return [];
    return [
      {
        ...{ seedId, layerId: OUTPUT, slot: 0, blueprint: UNIT, blendMode: 'add' },
        stage: stage as GraftedSeed['stage'],
        ...{ alphaColumn: 1, group: 1 },
      },
    ];
  }

  async #open(grafts: readonly GraftedSeed[]): Promise<void> {
    const topology = this.#topology(grafts);
    const net = await ReplicaNet.create({
      backend: this.#backend,
      seeds: this.#pairs.map((p) => p.seed),
      optimizer: SGD,
      externals: this.#externals,
      grafts,
      build: (graph, control) => buildStep(graph, control, topology),
    });
    this.#net?.dispose();
    this.#net = net;
  }

  /**
   * Plants a seed with these weights, one a student, at full weight: DORMANT to HOLDING, as an
   * artifact with trained weights would. The protocol asks for no evidence, so only the stage table
   * and the shape of the network have a say.
   */
  async grow(units: readonly Unit[], step: number): Promise<void> {
    await this.fold(step);
    const seedId = `s${++this.#seeds}`;
    const empty = dormantSlot(OUTPUT, 0);
    const loading = slots.germinate(empty, {
      seedId,
      blueprint: UNIT.name,
      blendMode: 'add',
      step,
    });
    const placed = { step, parameters: INPUTS + FEATURES, trained: true };
    const blending = slots.withAlpha(slots.placed(loading.state, placed).state, 1);
    this.#slot = slots.advance(blending, step).state;
    const host = await this.#net!.export();
    const [graft] = this.#grafts();
    await this.#open([graft!]);
    const name = seedPrefix(graft!);
    const values = (pick: (unit: Unit) => number[]) => Float32Array.from(units.flatMap(pick));
    await this.#net!.write({
      [`${HIDDEN}.weight`]: host.get(`${HIDDEN}.weight`)!.data,
      [`${OUTPUT}.weight`]: host.get(`${OUTPUT}.weight`)!.data,
      [`${name}.hidden.weight`]: values((u) => [...u.fanIn, u.aboveZero]),
      [`${name}.out.weight`]: values((u) => u.fanOut),
    });
  }

  /** Commits the seed, where there is one, and makes its unit one of the hidden layer's own. */
  async fold(step: number): Promise<void> {
    const [graft] = this.#grafts();
    if (!graft) return;
    this.#slot = slots.fossilize(this.#slot, step, 'the protocol commits every unit').state;
    const site = foldSite(this.#topology([graft]), OUTPUT);
    const tensors = await this.#net!.export();
    const folded = foldedTensors(graft, site, tensors, { moment1: 1, moment2: 1 });
    const units = folded.get(`${HIDDEN}.weight`)!.shape.at(-1)!;
    this.#layers = changedLayers(this.#layers, [{ layerId: HIDDEN, units }]);
    this.#slot = { ...this.#slot, folded: true };
    await this.#open([]);
    await this.#net!.write({
      [`${HIDDEN}.weight`]: folded.get(`${HIDDEN}.weight`)!.data,
      [`${OUTPUT}.weight`]: folded.get(`${OUTPUT}.weight`)!.data,
    });
  }

  /** Sets the students to what {@link read} gave. */
  async restore(students: readonly Student[]): Promise<void> {
    this.#slot = dormantSlot(OUTPUT, 0);
    this.#seeds = 0;
    this.#layers = layersOf(students[0]!.fanOut.length);
    await this.#open([]);
    await this.#net!.write({
      [`${HIDDEN}.weight`]: Float32Array.from(
        students.flatMap((s) => [...s.fanIn.flat(), ...(s.aboveZero ?? s.fanOut.map(() => 0))]),
      ),
      [`${OUTPUT}.weight`]: Float32Array.from(students.flatMap((s) => s.fanOut.flat())),
    });
  }

  /** Sets them to what {@link read} gave while a seed was in the slot: the last unit is that seed's. */
  async restoreGrown(students: readonly Required<Student>[], step: number): Promise<void> {
    await this.restore(
      students.map(({ aboveZero, fanIn, fanOut }) => ({
        fanIn: fanIn.map((row) => row.slice(0, -1)),
        fanOut: fanOut.slice(0, -1),
        aboveZero: aboveZero.slice(0, -1),
      })),
    );
    const units = students.map(({ aboveZero, fanIn, fanOut }) => ({
      fanIn: fanIn.map((row) => row.at(-1)!),
      fanOut: fanOut.at(-1)!,
      aboveZero: aboveZero.at(-1)!,
    }));
    await this.grow(units, step);
  }

  train(
    first: number,
    end: number,
    stop: AbortSignal,
    onStep: (step: number) => void,
  ): Promise<void> {
    return this.#net!.train(first, end, stop, onStep);
  }

  /** Weights of each student; a seed in the slot counts as one more hidden unit. */
  async read(): Promise<Required<Student>[]> {
    const tensors = await this.#net!.export();
    const tables = (name: string): number[][][] => {
      const { data, shape } = tensors.get(name)!;
      const [replicas, rows, width] = shape as [number, number, number];
      const row = (at: number) => [...data.subarray(at * width, (at + 1) * width)];
      return Array.from({ length: replicas }, (_, r) =>
        Array.from({ length: rows }, (_row, i) => row(r * rows + i)),
      );
    };
    const fanIn = tables(`${HIDDEN}.weight`);
    const fanOut = tables(`${OUTPUT}.weight`);
    const [graft] = this.#grafts();
    if (graft) {
      const into = tables(`${seedPrefix(graft)}.hidden.weight`);
      const out = tables(`${seedPrefix(graft)}.out.weight`);
      fanIn.forEach((table, r) => {
        table.forEach((row, f) => {
          row.push(...into[r]![f]!);
        });
        fanOut[r]!.push(...out[r]!);
      });
    }
    return fanIn.map((table, r) => ({
      fanIn: table.slice(0, FEATURES),
      aboveZero: table[FEATURES]!,
      fanOut: fanOut[r]!,
    }));
  }

  dispose(): void {
    this.#net?.dispose();
    for (const buffer of Object.values(this.#externals)) this.#backend.destroyBuffer(buffer);
  }
}

/** Mean over rows and outputs of (y - target)^2, y what host and seed make of x. */
function buildStep(graph: Graph, control: Tensor, topology: Topology) {
  const shared = { role: 'external', replicated: false } as const;
  const x = graph.create('x', [ROWS, INPUTS], shared);
  const targets = graph.create('negative_targets', [ROWS, FEATURES], { role: 'external' });
  const { logits } = evaluationForward(graph, control, topology, x);
  const error = graph.one('add', [logits, targets], {}, 'error');
  const dy = graph.one('scale', [error], { factor: 2 / (ROWS * FEATURES) }, 'dy');
  const wanted = new Set(graph.parameters.map((p) => p.tensorId));
  differentiate(graph, new Map([[logits.id, dy]]), wanted);
  return { rowStats: noStatistics(graph) };
}
