/**
 * Parameters, gradients and moments of one topology in device memory, and how they carry over to
 * the next: what both have by name keeps its values, what is new starts fresh.
 */
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';
import type { PlannedParameter } from '../engine/plan/plan.ts';
import { numel, pack, SLICE_ALIGNMENT, unpack } from '../engine/plan/shape.ts';
import { initialValues } from '../nn/initialise.ts';
import type { NormState } from '../nn/norm-layers.ts';

/** Values by tensor name, all replicas: shape [R, ...logical shape]. */
export type NamedTensors = Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>;

export const ARENA_BUFFERS = ['parameters', 'moment1', 'moment2'] as const;
export type ArenaBuffer = (typeof ARENA_BUFFERS)[number];

/** Running statistics of the network: no gradient reaches them, the training step moves them. */
export type ArenaState = NormState;

/** Prefix of a moment's name in checkpoints; parameters have none. */
const PREFIX: Record<ArenaBuffer, string> = {
  parameters: '',
  moment1: 'moment1/',
  moment2: 'moment2/',
};

export class TrainingArena {
  readonly parameters: readonly PlannedParameter[];
  readonly elements: number;
  /** By their names in a plan; those of the running statistics among them. */
  readonly buffers: Record<ArenaBuffer | 'gradients' | 'groups', DeviceBuffer> &
    Readonly<Record<string, DeviceBuffer>>;
  #states: readonly ArenaState[];
  #backend: Backend;
  #replicas: number;
  /** Of parameters, moments and running statistics. */
  #snapshot: Record<string, DeviceBuffer> | null = null;

  constructor(
    backend: Backend,
    layout: { parameters: readonly PlannedParameter[]; elements: number },
    replicas: number,
    {
      groupOf = (p) => p.group,
      states = [],
    }: { groupOf?(parameter: PlannedParameter): number; states?: readonly ArenaState[] } = {},
  ) {
    this.#backend = backend;
    this.#states = states;
    this.#replicas = replicas;
    this.parameters = layout.parameters;
    this.elements = layout.elements;
    const total = layout.elements * replicas;
    this.buffers = {
      ...Object.fromEntries(
        states.map((s) => [s.name, backend.createBuffer(s.name, numel(s.padded) * replicas)]),
      ),
      parameters: backend.createBuffer('parameters', total),
      gradients: backend.createBuffer('gradients', total),
      moment1: backend.createBuffer('moment1', total),
      moment2: backend.createBuffer('moment2', total),
      groups: backend.createBuffer('groups', Math.max(4, layout.elements / SLICE_ALIGNMENT)),
    };
    const groups = new Uint32Array(layout.elements / SLICE_ALIGNMENT);
    for (const p of layout.parameters) {
      const first = p.offset / SLICE_ALIGNMENT;
      groups.fill(groupOf(p), first, first + Math.ceil(numel(p.padded) / SLICE_ALIGNMENT));
    }
    backend.writeWords(this.buffers.groups, groups);
  }

  /** Names and places of the running statistics. */
  get states(): readonly ArenaState[] {
    return this.#states;
  }

  /** Draws the first values of the named parameters (all by default). */
  initialise(seeds: readonly number[], names?: ReadonlySet<string>): void {
    for (const p of this.parameters) {
      if (names && !names.has(p.name)) continue;
      seeds.forEach((seed, r) => {
        const values = pack(initialValues(p, seed), p.shape, p.padded);
        this.#backend.writeFloats(this.buffers.parameters, values, r * this.elements + p.offset);
      });
    }
    for (const state of this.#states) {
      if (names && !names.has(state.name)) continue;
      const values = new Float32Array(numel(state.shape)).fill(state.initial);
      this.#writeState(
        this.buffers[state.name]!,
        state,
        seeds.map(() => values),
      );
    }
  }

  #writeState(to: DeviceBuffer, state: ArenaState, replicas: readonly Float32Array[]): void {
    replicas.forEach((values, r) => {
      const packed = pack(values, state.shape, state.padded);
      this.#backend.writeFloats(to, packed, r * numel(state.padded));
    });
  }

  /** Sets parameters and running statistics by name, the same in every replica. */
  setValues(values: ReadonlyMap<string, Float32Array>): void {
    for (const p of this.parameters) {
      const own = values.get(p.name);
      for (let r = 0; own && r < this.#replicas; r++) {
        const packed = pack(own, p.shape, p.padded);
        this.#backend.writeFloats(this.buffers.parameters, packed, r * this.elements + p.offset);
      }
    }
    for (const state of this.#states) {
      const own = values.get(state.name);
      if (!own) continue;
      const all = Array.from({ length: this.#replicas }, () => own);
      this.#writeState(this.buffers[state.name]!, state, all);
    }
  }

  /**
   * Sets one parameter of one replica; its moments stay.
   *
   * @param values Logical values, row-major.
   * @throws {RangeError} If there is no such parameter or it has another number of values.
   */
  setParameter(name: string, replica: number, values: Float32Array<ArrayBuffer>): void {
    const p = this.parameters.find((each) => each.name === name);
    if (!p || numel(p.shape) !== values.length) {
      throw new RangeError(
        `Cannot set parameter "${name}": ${p ? `it has ${numel(p.shape)} values, not ${values.length}` : 'there is none'}`,
      );
    }
    const packed = pack(values, p.shape, p.padded);
    this.#backend.writeFloats(this.buffers.parameters, packed, replica * this.elements + p.offset);
  }

  /** Logical values of one parameter of one replica. Synchronises. */
  async readParameter(name: string, replica: number): Promise<Float32Array> {
    const p = this.parameters.find((each) => each.name === name);
    if (!p) throw new RangeError(`Cannot read parameter "${name}": there is none`);
    const at = replica * this.elements + p.offset;
    const stored = await this.#backend.readFloats(this.buffers.parameters, at, numel(p.padded));
    return unpack(stored, p.shape, p.padded);
  }

  /** Copies, on the device, everything that both arenas have by name; returns what is new. */
  carryOver(from: TrainingArena): Set<string> {
    const old = new Map(from.parameters.map((p) => [p.name, p]));
    const fresh = new Set<string>();
    for (const p of this.parameters) {
      const source = old.get(p.name);
      if (!source || numel(source.padded) !== numel(p.padded)) {
        fresh.add(p.name);
        continue;
      }
      for (const buffer of ARENA_BUFFERS) {
        for (let r = 0; r < this.#replicas; r++) {
          this.#backend.copy(
            from.buffers[buffer],
            r * from.elements + source.offset,
            this.buffers[buffer],
            r * this.elements + p.offset,
            numel(p.padded),
          );
        }
      }
    }
    for (const { name } of this.#states) {
      const [source, target] = [from.buffers[name], this.buffers[name]!];
      if (source?.elements !== target.elements) fresh.add(name);
      else this.#backend.copy(source, 0, target, 0, target.elements);
    }
    return fresh;
  }

  /** Everything that training changes and a rollback puts back, by name. */
  #live(): Record<string, DeviceBuffer> {
    const names = [...ARENA_BUFFERS, ...this.#states.map((s) => s.name)];
    return Object.fromEntries(names.map((name) => [name, this.buffers[name]!]));
  }

  /** Keeps a copy of parameters, moments and running statistics on the device. */
  takeSnapshot(): void {
    const live = Object.entries(this.#live());
    this.#snapshot ??= Object.fromEntries(
      live.map(([name, b]) => [name, this.#backend.createBuffer(`snapshot_${name}`, b.elements)]),
    );
    for (const [name, b] of live) {
      this.#backend.copy(b, 0, this.#snapshot[name]!, 0, b.elements);
    }
  }

  /** Puts the snapshot back, bit for bit. */
  restoreSnapshot(): void {
    const snapshot = this.#source('snapshot', 'roll back');
    for (const [name, b] of Object.entries(this.#live())) {
      this.#backend.copy(snapshot[name]!, 0, b, 0, b.elements);
    }
  }

  /**
   * Copies all that a training step writes here to other buffers of the device.
   *
   * @returns What puts it back, bit for bit, and frees the copies. Call it once.
   */
  setAside(): () => void {
    const backend = this.#backend;
    const { groups: _, ...written } = this.buffers;
    const copies = Object.entries(written).map(([name, live]) => {
      const copy = backend.createBuffer(`aside_${name}`, live.elements);
      backend.copy(live, 0, copy, 0, live.elements);
      return { copy, live };
    });
    return () => {
      for (const { copy, live } of copies) {
        backend.copy(copy, 0, live, 0, live.elements);
        backend.destroyBuffer(copy);
      }
    };
  }

  #source(from: 'live' | 'snapshot', purpose: string): Record<string, DeviceBuffer> {
    if (from === 'live') return this.#live();
    if (!this.#snapshot) throw new Error(`Cannot ${purpose}: no snapshot was taken`);
    return this.#snapshot;
  }

  /** Parameters, moments and running statistics by name, without padding. Synchronises. */
  async exportTensors(from: 'live' | 'snapshot' = 'live'): Promise<NamedTensors> {
    const source = this.#source(from, 'read the snapshot');
    const wanted = [...ARENA_BUFFERS, ...this.#states.map((s) => s.name)];
    const arrays = await this.#backend.readMany(
      wanted.map((name) => {
        const buffer = source[name]!;
        return { buffer, offset: 0, elements: buffer.elements };
      }),
    );
    const out: NamedTensors = new Map();
    for (const p of this.parameters) {
      ARENA_BUFFERS.forEach((b, i) => {
        const size = numel(p.shape);
        const data = new Float32Array(size * this.#replicas);
        for (let r = 0; r < this.#replicas; r++) {
          const at = r * this.elements + p.offset;
          const stored = arrays[i]!.subarray(at, at + numel(p.padded));
          data.set(unpack(stored, p.shape, p.padded), r * size);
        }
        out.set(PREFIX[b] + p.name, { shape: [this.#replicas, ...p.shape], data });
      });
    }
    this.#states.forEach(({ name, padded, shape }, i) => {
      const stored = arrays[ARENA_BUFFERS.length + i]!;
      const data = unpack(stored, [this.#replicas, ...shape], [this.#replicas, ...padded]);
      out.set(name, { shape: [this.#replicas, ...shape], data });
    });
    return out;
  }

  /** @throws {RangeError} If a tensor is missing or has another shape. */
  importTensors(tensors: NamedTensors, to: 'live' | 'snapshot' = 'live'): void {
    const target = this.#source(to, 'fill the snapshot');
    for (const p of this.parameters) {
      for (const b of ARENA_BUFFERS) {
        this.#replicasOf(tensors, PREFIX[b] + p.name, p.shape).forEach((values, r) => {
          const packed = pack(values, p.shape, p.padded);
          this.#backend.writeFloats(target[b]!, packed, r * this.elements + p.offset);
        });
      }
    }
    for (const state of this.#states) {
      const values = this.#replicasOf(tensors, state.name, state.shape);
      this.#writeState(target[state.name]!, state, values);
    }
  }

  /** The values of each replica. */
  #replicasOf(tensors: NamedTensors, name: string, shape: readonly number[]): Float32Array[] {
    const tensor = tensors.get(name);
    const size = numel(shape);
    if (tensor?.data.length !== size * this.#replicas) {
      throw new RangeError(
        `Cannot load tensor "${name}": ${tensor ? `shape is [${tensor.shape.join(', ')}]` : 'it is missing'}, must be [${[this.#replicas, ...shape].join(', ')}]`,
      );
    }
    return Array.from({ length: this.#replicas }, (_, r) =>
      tensor.data.subarray(r * size, (r + 1) * size),
    );
  }

  dispose(): void {
    for (const b of Object.values(this.buffers)) this.#backend.destroyBuffer(b);
    if (this.#snapshot) {
      for (const b of Object.values(this.#snapshot)) this.#backend.destroyBuffer(b);
    }
  }
}
