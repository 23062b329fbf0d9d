/**
 * Folds small ops into the epilogue of the matrix product, convolution or pool that feeds them, so that
 * they cost no dispatch: activation, activation gradient and the add/replace blend of a seed; and the
 * cross-entropy of a few classes into the product that makes their scores.
 * The arithmetic is the same, in the same order; only memory traffic and dispatches go away.
 *
 * Fused nodes keep their op and carry the epilogue in attrs; extra inputs come in this order:
 *   linear, conv2d                            x, weight, [bias], [z, control]
 *   linear_grad_input, conv2d_grad_input      dy, weight, [saved]
 *   max_pool_grad                             dy, x, y, [saved]
 *   linear_cross_entropy                      x, weight, [bias], labels, [control]
 */
import type { Graph, Node } from './graph.ts';
import { FROM_OUTPUT } from './ops-elementwise.ts';
import { numel } from './shape.ts';

const FORWARD: readonly string[] = ['linear', 'conv2d'];
const BACKWARD: readonly string[] = ['linear_grad_input', 'conv2d_grad_input', 'max_pool_grad'];

/** Most scores of a row that one invocation holds in registers, padding included. */
const MAX_CLASSES = 32;
/** Longest sum that one invocation a row still does as fast as the tiles of a product. */
const MAX_FEATURES = 1024;

/** @param kept Ids of tensors somebody reads after the run; they are not fused away. */
export function fuse(graph: Graph, kept: ReadonlySet<number>): void {
  for (const node of graph.nodes) {
    if (FORWARD.includes(node.op)) {
      node.attrs = { ...node.attrs, bias: node.inputs.length > 2 };
    }
  }
  const uses = new Map<number, Node[]>();
  for (const node of graph.nodes) {
    for (const id of node.inputs) uses.set(id, [...(uses.get(id) ?? []), node]);
  }
  const producer = new Map<number, Node>();
  for (const node of graph.nodes) for (const id of node.outputs) producer.set(id, node);
  const dead = new Set<Node>();
  const aliased = new Set(graph.tensors.flatMap((t) => (t.aliasOf === null ? [] : [t.aliasOf])));

  /** The only reader of the node's only output, if there is exactly one. */
  const soleUser = (node: Node): Node | null => {
    const id = node.outputs[0]!;
    const users = uses.get(id) ?? [];
    const tensor = graph.tensor(id);
    const fixed = kept.has(id) || aliased.has(id) || tensor.role !== 'activation';
    return users.length === 1 && !fixed ? users[0]! : null;
  };
  const absorb = (node: Node, user: Node, attrs: Node['attrs'], extra: number[]): void => {
    node.attrs = { ...node.attrs, ...attrs };
    node.inputs.push(...extra);
    node.outputs = user.outputs;
    dead.add(user);
    for (const id of extra)
      uses.set(
        id,
        (uses.get(id) ?? []).map((u) => (u === user ? node : u)),
      );
    for (const id of user.outputs) producer.set(id, node);
  };

  /** Makes a layer of scores and its loss one node, if nobody else reads the scores. */
  const absorbLoss = (node: Node, index: number): boolean => {
    if (node.op !== 'linear') return false;
    const loss = soleUser(node);
    if (loss?.op !== 'softmax_cross_entropy' || loss.inputs[0] !== node.outputs[0]) return false;
    const weight = graph.tensor(node.inputs[1]!);
    const features = numel(weight.padded.slice(0, -1));
    if (weight.padded.at(-1)! > MAX_CLASSES || features > MAX_FEATURES) return false;
    const [, labels, ...control] = loss.inputs;
    const maker = producer.get(labels!);
    if (maker && graph.nodes.indexOf(maker) > index) return false;
    const { smoothing } = loss.attrs;
    absorb(node, loss, smoothing === undefined ? {} : { smoothing }, [labels!, ...control]);
    node.op = 'linear_cross_entropy';
    return true;
  };

  graph.nodes.forEach((node, index) => {
    if (dead.has(node)) return;
    if (absorbLoss(node, index)) return;
    if (FORWARD.includes(node.op)) {
      const blend = soleUser(node);
      if (blend?.op === 'blend' && blend.inputs[1] === node.outputs[0]) {
        const { mode, alpha } = blend.attrs as { mode: string; alpha: number };
        const [z, , control] = blend.inputs;
        // The host output must exist before this node runs; external data always do.
        const maker = producer.get(z!);
        const ready = !maker || graph.nodes.indexOf(maker) < index;
        if ((mode === 'add' || mode === 'replace') && z !== node.outputs[0] && ready) {
          absorb(node, blend, { blend: mode, alpha }, [z!, control!]);
        }
      }
      const activation = soleUser(node);
      const kind = activation?.op === 'activation' ? String(activation.attrs['kind']) : '';
      if (activation && FROM_OUTPUT.includes(kind)) {
        absorb(node, activation, { activation: kind }, []);
      }
    } else if (BACKWARD.includes(node.op)) {
      const mask = soleUser(node);
      if (mask?.op === 'activation_grad' && mask.inputs[0] === node.outputs[0]) {
        absorb(node, mask, { mask: String(mask.attrs['kind']) }, [mask.inputs[1]!]);
      }
    }
  });
  if (dead.size > 0) {
    const living = graph.nodes.filter((n) => !dead.has(n));
    graph.nodes.splice(0, graph.nodes.length, ...living);
  }
}
