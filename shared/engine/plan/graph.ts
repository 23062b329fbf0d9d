/**
 * The graph: tensors and the nodes that make them, in order of execution. Pure data; shapes are
 * checked when a node is added, so a graph that was built is consistent. Batch is axis 0 of every
 * activation; the replica axis is implicit and belongs to the plan.
 */
import { inferOutputs } from './ops.ts';
import { padLast } from './shape.ts';

export type DType = 'f32' | 'u32';

/** Where a tensor's storage comes from. */
export type TensorRole =
  /** Slice of the parameter arena. */
  | 'parameter'
  /** Slice of the gradient arena, at the parameter's offset. */
  | 'parameter-gradient'
  /** Lives in a slot buffer while it is needed. */
  | 'activation'
  /** A buffer owned by the caller, found by name. */
  | 'external';

export interface Tensor {
  readonly id: number;
  name: string;
  /** Logical shape; axis 0 is the batch for activations. */
  readonly shape: readonly number[];
  /** Storage shape: channel axes rounded up to four. */
  readonly padded: readonly number[];
  readonly dtype: DType;
  role: TensorRole;
  /** Id of the tensor whose storage this one shares (reshape, detach). */
  aliasOf: number | null;
  /** For a parameter gradient: the parameter's id. */
  parameterId: number | null;
  /** For an external tensor: false when all replicas read the same data. */
  replicated: boolean;
}

export type AttributeValue = number | string | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

export interface Node {
  op: string;
  attrs: Attributes;
  inputs: number[];
  outputs: number[];
}

/** How a new parameter gets its values; drawn from the run's seed by the parameter's name. */
export interface ParameterInit {
  kind: 'zeros' | 'ones' | 'kaiming' | 'xavier';
  fanIn: number;
  fanOut: number;
}

export interface ParameterSpec {
  tensorId: number;
  name: string;
  init: ParameterInit;
  /** Parameters born together share step counters and learning rates; 0 is the host. */
  group: number;
}

export class Graph {
  readonly tensors: Tensor[] = [];
  readonly nodes: Node[] = [];
  readonly parameters: ParameterSpec[] = [];
  #parametersByName = new Map<string, Tensor>();

  tensor(id: number): Tensor {
    const t = this.tensors[id];
    if (!t) throw new RangeError(`Cannot find tensor ${id}: the graph has ${this.tensors.length}`);
    return t;
  }

  create(
    name: string,
    shape: readonly number[],
    options: Partial<Pick<Tensor, 'padded' | 'dtype' | 'role' | 'replicated'>> = {},
  ): Tensor {
    const t: Tensor = {
      id: this.tensors.length,
      name,
      shape,
      padded: options.padded ?? padLast(shape, 1),
      dtype: options.dtype ?? 'f32',
      role: options.role ?? 'activation',
      aliasOf: null,
      parameterId: null,
      replicated: options.replicated ?? true,
    };
    this.tensors.push(t);
    return t;
  }

  /**
   * A trainable tensor. Asking again for a name returns the same tensor, so that two passes over
   * one model share weights.
   *
   * @param paddedAxes How many trailing axes are channel axes: 2 for weights, 1 for biases.
   */
  parameter(
    name: string,
    shape: readonly number[],
    paddedAxes: 1 | 2,
    init: ParameterInit,
    group = 0,
  ): Tensor {
    const known = this.#parametersByName.get(name);
    if (known) return known;
    const t = this.create(name, shape, { padded: padLast(shape, paddedAxes), role: 'parameter' });
    this.#parametersByName.set(name, t);
    this.parameters.push({ tensorId: t.id, name, init, group });
    return t;
  }

  /** Adds a node and returns its outputs. @throws {RangeError} If the shapes do not fit. */
  apply(op: string, inputs: readonly Tensor[], attrs: Attributes = {}, name = op): Tensor[] {
    const specs = inferOutputs(op, inputs, attrs);
    const outputs = specs.map((s, i) => {
      const t = this.create(specs.length > 1 ? `${name}.${i}` : name, s.shape, s);
      if (s.aliasInput !== undefined) {
        const source = inputs[s.aliasInput]!;
        t.aliasOf = source.aliasOf ?? source.id;
      }
      return t;
    });
    this.nodes.push({
      op,
      attrs,
      inputs: inputs.map((t) => t.id),
      outputs: outputs.map((t) => t.id),
    });
    return outputs;
  }

  /** As {@link apply}, for nodes with one output. */
  one(op: string, inputs: readonly Tensor[], attrs: Attributes = {}, name = op): Tensor {
    return this.apply(op, inputs, attrs, name)[0]!;
  }

  /** Name and logical element count of every parameter. */
  parameterCount(): number {
    let n = 0;
    for (const p of this.parameters) {
      let k = 1;
      for (const d of this.tensor(p.tensorId).shape) k *= d;
      n += k;
    }
    return n;
  }
}
