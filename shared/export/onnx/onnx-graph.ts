/**
 * An ONNX graph under construction, and where each tensor of ours is in it. Images are [B, C, H, W]
 * there, as ONNX has them, and [B, H, W, C] here; everything else has our shape. The batch may have
 * any size: no shape in the graph says it.
 */
import type { Graph, Node, Tensor } from '../../engine/plan/graph.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './onnx-message.ts';

export class OnnxGraph {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly graph: Graph;
  /** Values of our parameters, by name, in PyTorch's layouts. */
  readonly parameters: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>;
  /** By schedule column. */
  readonly alphas: readonly number[];
  #names = new Map<number, string>();
  #makers: ReadonlyMap<number, Node>;
  #constants = new Map<string, string>();
  #count = 0;

  constructor(graph: Graph, parameters: OnnxGraph['parameters'], alphas: readonly number[]) {
    this.graph = graph;
    this.parameters = parameters;
    this.alphas = alphas;
    this.#makers = new Map(graph.nodes.flatMap((n) => n.outputs.map((id) => [id, n] as const)));
  }

  /** The node that makes a tensor. */
  makerOf(t: Tensor): Node | undefined {
    return this.#makers.get(t.id);
  }

  bind(t: Tensor, name: string): void {
    this.#names.set(t.id, name);
  }

  /** Name of one of our tensors in the ONNX graph. A parameter becomes an initializer when asked for. */
  name(t: Tensor): string {
    const known = this.#names.get(t.id);
    if (known !== undefined) return known;
    const values = this.parameters.get(t.name);
    if (!values) throw new TypeError(`Cannot export "${t.name}": nothing makes it`);
    this.initializers.push({
      name: t.name,
      shape: values.shape,
      data: values.data as Float32Array,
    });
    this.#names.set(t.id, t.name);
    return t.name;
  }

  /** Adds a node with one output and returns its name. */
  add(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const output = `${op.toLowerCase()}_${this.#count++}`;
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  /** A constant, made once. */
  floats(values: readonly number[], shape: readonly number[] = []): string {
    return this.#constant({ shape, data: Float32Array.from(values) });
  }

  whole(values: readonly number[]): string {
    return this.#constant({ shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  }

  #constant(tensor: Omit<OnnxTensor, 'name'>): string {
    const kind = tensor.data instanceof Float32Array ? 'f' : 'i';
    const key = `${kind}:${tensor.shape.join('x')}:${[...tensor.data].map((v) => (Object.is(v, -0) ? '-0' : v)).join()}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const name = `constant_${this.#constants.size}`;
    this.#constants.set(key, name);
    this.initializers.push({ ...tensor, name });
    return name;
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.add('Reshape', [x, this.whole(shape)]);
  }

  /** In our order of axes. */
  ours(t: Tensor): string {
    const name = this.name(t);
    return t.shape.length === 4 ? this.add('Transpose', [name], { perm: [0, 2, 3, 1] }) : name;
  }

  /** From our order of axes to ONNX's. */
  theirs(name: string, rank: number): string {
    return rank === 4 ? this.add('Transpose', [name], { perm: [0, 3, 1, 2] }) : name;
  }

  /** Drops what the outputs do not need. */
  prune(outputs: readonly string[]): void {
    const needed = new Set(outputs);
    const kept = [...this.nodes].reverse().filter((node) => {
      if (!node.outputs.some((o) => needed.has(o))) return false;
      for (const input of node.inputs) needed.add(input);
      return true;
    });
    this.nodes.splice(0, this.nodes.length, ...kept.reverse());
    const used = this.initializers.filter((t) => needed.has(t.name));
    this.initializers.splice(0, this.initializers.length, ...used);
  }
}

/** An axis of ours among ONNX's. */
export function theirAxis(t: Tensor, axis: number): number {
  return t.shape.length === 4 ? [0, 2, 3, 1][axis]! : axis;
}
