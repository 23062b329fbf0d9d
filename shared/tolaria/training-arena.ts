/**
 * Parameters, gradients and moments of one topology in device memory, and how they carry over to
 * the next: what both have by name keeps its values, what is new starts fresh.
 */
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';
import type { PlannedParameter } from '../engine/plan/plan.ts';
import { numel, pack, SLICE_ALIGNMENT, unpack } from '../engine/plan/shape.ts';
import { initialValues } from '../nn/initialise.ts';

/** Values by tensor name, all replicas: shape [R, ...logical shape]. */
export type NamedTensors = Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> }>;

export const ARENA_BUFFERS = ['parameters', 'moment1', 'moment2'] as const;
export type ArenaBuffer = (typeof ARENA_BUFFERS)[number];

/** Prefix of a moment's name in checkpoints; parameters have none. */
const PREFIX: Record<ArenaBuffer, string> = {
  parameters: '',
  moment1: 'moment1/',
  moment2: 'moment2/',
};

export class TrainingArena {
  readonly parameters: readonly PlannedParameter[];
  readonly elements: number;
  readonly buffers: Record<ArenaBuffer | 'gradients' | 'groups', DeviceBuffer>;
  #backend: Backend;
  #replicas: number;
  #snapshot: Record<ArenaBuffer, DeviceBuffer> | null = null;

  constructor(
    backend: Backend,
    layout: { parameters: readonly PlannedParameter[]; elements: number },
    replicas: number,
    groupOf: (parameter: PlannedParameter) => number = (p) => p.group,
  ) {
    this.#backend = backend;
    this.#replicas = replicas;
    this.parameters = layout.parameters;
    this.elements = layout.elements;
    const total = layout.elements * replicas;
    this.buffers = {
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

  /** Draws the first values of the named parameters (all by default). */
  initialise(seeds: readonly number[], names?: ReadonlySet<string>): void {
    for (const p of this.parameters) {
      if (names && !names.has(p.name)) continue;
      seeds.forEach((seed, r) => {
        const values = pack(initialValues(p, seed), p.shape, p.padded);
        this.#backend.writeFloats(this.buffers.parameters, values, r * this.elements + p.offset);
      });
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
    return fresh;
  }

  /** Keeps a copy of parameters and moments on the device. */
  takeSnapshot(): void {
    const total = this.elements * this.#replicas;
    this.#snapshot ??= {
      parameters: this.#backend.createBuffer('snapshot_parameters', total),
      moment1: this.#backend.createBuffer('snapshot_moment1', total),
      moment2: this.#backend.createBuffer('snapshot_moment2', total),
    };
    for (const b of ARENA_BUFFERS) {
      this.#backend.copy(this.buffers[b], 0, this.#snapshot[b], 0, total);
    }
  }

  /** Puts the snapshot back, bit for bit. */
  restoreSnapshot(): void {
    if (!this.#snapshot) throw new Error('Cannot roll back: no snapshot was taken');
    const total = this.elements * this.#replicas;
    for (const b of ARENA_BUFFERS) {
      this.#backend.copy(this.#snapshot[b], 0, this.buffers[b], 0, total);
    }
  }

  #source(from: 'live' | 'snapshot'): Record<ArenaBuffer, DeviceBuffer> {
    if (from === 'live') return this.buffers;
    if (!this.#snapshot) throw new Error('Cannot read the snapshot: none was taken');
    return this.#snapshot;
  }

  /** Parameters and moments by name, without padding. Synchronises. */
  async exportTensors(from: 'live' | 'snapshot' = 'live'): Promise<NamedTensors> {
    const total = this.elements * this.#replicas;
    const source = this.#source(from);
    const arrays = await this.#backend.readMany(
      ARENA_BUFFERS.map((b) => ({ buffer: source[b], offset: 0, elements: total })),
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
    return out;
  }

  /** @throws {RangeError} If a tensor is missing or has another shape. */
  importTensors(tensors: NamedTensors, to: 'live' | 'snapshot' = 'live'): void {
    const target = this.#source(to);
    for (const p of this.parameters) {
      for (const b of ARENA_BUFFERS) {
        const name = PREFIX[b] + p.name;
        const tensor = tensors.get(name);
        const size = numel(p.shape);
        if (tensor?.data.length !== size * this.#replicas) {
          throw new RangeError(
            `Cannot load tensor "${name}": ${tensor ? `shape is [${tensor.shape.join(', ')}]` : 'it is missing'}, must be [${[this.#replicas, ...p.shape].join(', ')}]`,
          );
        }
        for (let r = 0; r < this.#replicas; r++) {
          const values = tensor.data.subarray(r * size, (r + 1) * size);
          this.#backend.writeFloats(
            target[b],
            pack(values, p.shape, p.padded),
            r * this.elements + p.offset,
          );
        }
      }
    }
  }

  dispose(): void {
    for (const b of Object.values(this.buffers)) this.#backend.destroyBuffer(b);
    if (this.#snapshot) {
      for (const b of Object.values(this.#snapshot)) this.#backend.destroyBuffer(b);
    }
  }
}
