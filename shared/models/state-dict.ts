/**
 * Parameters by name in PyTorch's layouts, so that a state dict can be exchanged with it:
 *
 *                  here                       PyTorch
 *   Linear         [...features, out]         [out, in]; image features in the order C, H, W
 *   Conv2d         [KH, KW, in, out]          [out, in, KH, KW]
 *   anything else  as it is
 *
 * A conversion moves values and changes none, so a round trip is exact.
 */
import type { Graph } from '../engine/plan/graph.ts';
import { numel, sameShape } from '../engine/plan/shape.ts';
import { normStates } from '../nn/norm-layers.ts';

export type ParameterKind = 'linear' | 'conv2d' | 'other';

export interface NamedArray {
  shape: number[];
  data: Float32Array<ArrayBuffer>;
}

/** What reads each parameter of a graph, and so how PyTorch would lay it out. */
export function parameterKinds(graph: Graph): Map<string, ParameterKind> {
  const kinds = new Map<number, ParameterKind>();
  for (const node of graph.nodes) {
    if (node.op === 'linear' || node.op === 'conv2d') kinds.set(node.inputs[1]!, node.op);
  }
  return new Map(graph.parameters.map((p) => [p.name, kinds.get(p.tensorId) ?? 'other']));
}

/** Axes of our layout in PyTorch's order. */
function axisOrder(kind: ParameterKind, rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, i) => i);
  if (kind === 'conv2d') return [3, 2, 0, 1];
  if (kind === 'linear') return [rank - 1, rank - 2, ...axes.slice(0, rank - 2)];
  return axes;
}

/** Shape of a parameter in PyTorch. @param shape Here. */
export function torchShape(kind: ParameterKind, shape: readonly number[]): number[] {
  if (kind === 'linear') return [shape.at(-1)!, numel(shape.slice(0, -1))];
  return axisOrder(kind, shape.length).map((a) => shape[a]!);
}

/** Offset in our order of every element in PyTorch's. */
function* torchOffsets(kind: ParameterKind, shape: readonly number[]): Generator<number> {
  const order = axisOrder(kind, shape.length);
  const sizes = order.map((a) => shape[a]!);
  const strides = order.map((a) => numel(shape.slice(a + 1)));
  const index = sizes.map(() => 0);
  const total = numel(shape);
  let offset = 0;
  for (let n = 0; n < total; n++) {
    yield offset;
    for (let i = index.length - 1; i >= 0; i--) {
      offset += strides[i]!;
      if (++index[i]! < sizes[i]!) break;
      offset -= sizes[i]! * strides[i]!;
      index[i] = 0;
    }
  }
}

/** @param data Row-major in our layout, without padding. */
export function toTorch(
  kind: ParameterKind,
  shape: readonly number[],
  data: Float32Array,
): NamedArray {
  const out = new Float32Array(data.length);
  let n = 0;
  for (const offset of torchOffsets(kind, shape)) out[n++] = data[offset]!;
  return { shape: torchShape(kind, shape), data: out };
}

/** Inverse of {@link toTorch}. @param shape Ours. */
export function fromTorch(
  kind: ParameterKind,
  shape: readonly number[],
  data: Float32Array,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  let n = 0;
  for (const offset of torchOffsets(kind, shape)) out[offset] = data[n++]!;
  return out;
}

/** The parameters and running statistics of a graph, in its order. */
export function wantedTensors(graph: Graph): Wanted[] {
  const kinds = parameterKinds(graph);
  return [
    ...graph.parameters.map(({ name, tensorId }) => {
      return { name, kind: kinds.get(name)!, shape: graph.tensor(tensorId).shape };
    }),
    ...normStates(graph).map(({ name, shape }) => ({ name, kind: 'other', shape }) as const),
  ];
}

/** A parameter or running statistic that a network wants by name; `shape` is ours. */
export interface Wanted {
  name: string;
  kind: ParameterKind;
  shape: readonly number[];
}

/**
 * Values for a network, in our layouts, out of a state dict.
 *
 * @param source Where the tensors are from, for the message.
 * @param copies Names of weights that share another's values: PyTorch's files may have both.
 * @throws {RangeError} Listing every tensor that is missing, left over or of another shape.
 */
export function loadStateDict(
  tensors: ReadonlyMap<string, NamedArray>,
  wanted: readonly Wanted[],
  source: string,
  copies: readonly string[] = [],
): Map<string, Float32Array<ArrayBuffer>> {
  const known = new Set(wanted.map((w) => w.name));
  const missing: string[] = [];
  const misshapen: string[] = [];
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, kind, shape } of wanted) {
    const tensor = tensors.get(name);
    const should = torchShape(kind, shape);
    if (!tensor) missing.push(`"${name}" [${should.join(', ')}]`);
    else if (!sameShape(tensor.shape, should)) {
      misshapen.push(`"${name}" is [${tensor.shape.join(', ')}], must be [${should.join(', ')}]`);
    } else values.set(name, fromTorch(kind, shape, tensor.data));
  }
  const extra = [...tensors.keys()].filter(
    (n) => !known.has(n) && !isCounter(n) && !copies.includes(n),
  );
  const faults = [
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`not in the host: ${extra.map((n) => `"${n}"`).join(', ')}`] : []),
    ...(misshapen.length > 0 ? [`of another shape: ${misshapen.join(', ')}`] : []),
  ];
  if (faults.length > 0) {
    throw new RangeError(`Cannot load the weights of "${source}": ${faults.join('; ')}`);
  }
  return values;
}

/** How many batches PyTorch's batch norms have seen: nothing here depends on it. */
function isCounter(name: string): boolean {
  return name.endsWith('.num_batches_tracked');
}
