/**
 * Cuts long sums with few results into parts (split-K): one dispatch makes the parts side by side, a
 * second one adds them up in order. A GPU needs thousands of invocations to hide the time that a load
 * takes; the products of few results have too few, each with a long loop of its own.
 *
 * The parts follow from the sizes of a product alone, never from the adapter: they fix the order of
 * summation, and with it the bits.
 */
import type { Attributes, Graph, Node } from './graph.ts';
import { MAX_LOOP_ITERATIONS } from './ops-conv.ts';
import { numel } from './shape.ts';

/** Results that one invocation of a product makes, about. */
const RESULTS_EACH = 16;
/** Invocations that a GPU of middling size holds at once. */
const INVOCATIONS = 8192;
/** Shortest part: less is over sooner than another dispatch begins. */
const SHORTEST = 512;
const MAX_PARTS = 32;

/**
 * Parts of each sum of a product.
 *
 * @param results How many sums there are, in one replica.
 * @param depth Products in each.
 * @param iterations Loop iterations of one sum: more than one invocation may run are always cut.
 */
export function sumParts(results: number, depth: number, iterations: number): number {
  const idle = Math.floor(INVOCATIONS / Math.ceil(results / RESULTS_EACH));
  const wanted = Math.max(1, Math.min(idle, MAX_PARTS, Math.floor(depth / SHORTEST)));
  const parts = Math.max(wanted, Math.ceil(iterations / MAX_LOOP_ITERATIONS));
  // Whole steps: the last part may be shorter, and none is empty.
  return Math.ceil(iterations / Math.ceil(iterations / parts));
}

/** How a dispatch's sums are cut: `parts` of `chunk` steps each, the last of the `length` perhaps shorter. */
export interface SumParts {
  parts: number;
  chunk: number;
  /** Largest number that divides the length of every part. */
  divisor: number;
}

/** @param length Steps of the whole sum: vec4s of a product's inner axis, or rows of the batch. */
export function partsOf(attrs: Attributes, length: number): SumParts {
  const parts = Number(attrs['parts'] ?? 1);
  const chunk = Math.ceil(length / parts);
  let [divisor, rest] = [chunk, length - chunk * (parts - 1)];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return { parts, chunk, divisor };
}

/**
 * Replaces each product with a long sum and few results by one of its parts and their sum. Comes after
 * fusion: epilogues go with the sum of the parts.
 *
 *   linear, linear_grad_input    → the same with attrs.parts, then sum_parts: partial, what was fused
 *   linear_grad_weight           → the same with attrs.parts, then reduce_partials
 */
export function splitLongSums(graph: Graph): void {
  const nodes = graph.nodes.flatMap((node) => split(graph, node));
  graph.nodes.splice(0, graph.nodes.length, ...nodes);
}

function split(graph: Graph, node: Node): Node[] {
  const { op, attrs, inputs, outputs } = node;
  const [a, b] = inputs.map((id) => graph.tensor(id).padded) as [number[], number[]];
  const partial = (rows: number, columns: number, parts: number) => {
    const shape = [parts, rows, columns];
    const name = `partial_${graph.tensor(outputs[0]!).name}`;
    return [graph.create(name, shape, { padded: shape }).id];
  };
  if (op === 'linear' || op === 'linear_grad_input') {
    const rows = a[0]!;
    const [k, n] = [numel(b.slice(0, -1)), b.at(-1)!];
    const [depth, columns] = op === 'linear' ? [k, n] : [n, k];
    const parts = sumParts(rows * columns, depth, depth / 4);
    if (parts === 1) return [node];
    const sums = partial(rows, columns, parts);
    return [
      { op, attrs: { parts }, inputs: inputs.slice(0, 2), outputs: sums },
      {
        ...{ op: 'sum_parts', attrs: { ...attrs, parts } },
        ...{ inputs: [...sums, ...inputs.slice(2)], outputs },
      },
    ];
  }
  if (op !== 'linear_grad_weight') return [node];
  const [m, k, n] = [a[0]!, numel(a.slice(1)), b.at(-1)!];
  const parts = sumParts(k * n, m, m);
  if (parts === 1) return [node];
  const sums = partial(k + 1, n, parts);
  return [
    { op, attrs: { ...attrs, parts }, inputs, outputs: sums },
    {
      op: 'reduce_partials',
      attrs: { partials: parts, bias: outputs.length > 1 },
      ...{ inputs: sums, outputs },
    },
  ];
}
