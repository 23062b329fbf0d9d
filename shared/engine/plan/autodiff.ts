/**
 * Reverse-mode differentiation of a graph: appends the gradient nodes of one loss to it.
 *
 * Only paths that lead to a wanted parameter are followed, so a second loss that trains a seed
 * alone adds no gradient work for the host, and cannot change the host's gradients.
 */
import type { Graph, Node, Tensor } from './graph.ts';
import { opDefinition } from './ops.ts';

/**
 * @param start Gradients to begin with: tensor id (for example the logits) to its gradient.
 * @param wanted Ids of the parameters to differentiate with respect to.
 * @returns Gradient tensor of each wanted parameter that the loss depends on; their role is
 *   `parameter-gradient`.
 */
export function differentiate(
  graph: Graph,
  start: ReadonlyMap<number, Tensor>,
  wanted: ReadonlySet<number>,
): Map<number, Tensor> {
  const forward: Node[] = [...graph.nodes];
  const leads = tensorsThatLeadTo(forward, wanted);
  const gradients = new Map<number, Tensor>(start);

  for (let i = forward.length - 1; i >= 0; i--) {
    const node = forward[i]!;
    const gradOutputs = node.outputs.map((id) => gradients.get(id) ?? null);
    if (gradOutputs.every((g) => g === null)) continue;
    const needs = node.inputs.map((id) => leads.has(id));
    if (!needs.some(Boolean)) continue;
    const rule = opDefinition(node.op).gradient;
    if (!rule) throw new TypeError(`Cannot differentiate through op "${node.op}"`);
    const inputs = node.inputs.map((id) => graph.tensor(id));
    const gradInputs = rule({
      graph,
      attrs: node.attrs,
      inputs,
      outputs: node.outputs.map((id) => graph.tensor(id)),
      gradOutputs,
      needs,
    });
    gradInputs.forEach((g, k) => {
      if (!g || !needs[k]) return;
      const id = node.inputs[k]!;
      const before = gradients.get(id);
      gradients.set(id, before ? graph.one('add', [before, g], {}, `sum_${g.name}`) : g);
    });
  }

  const result = new Map<number, Tensor>();
  for (const id of wanted) {
    const g = gradients.get(id);
    if (!g) continue;
    g.role = 'parameter-gradient';
    g.parameterId = id;
    result.set(id, g);
  }
  return result;
}

/** Ids of all tensors on a path to a wanted parameter, the parameters included. */
function tensorsThatLeadTo(nodes: readonly Node[], wanted: ReadonlySet<number>): Set<number> {
  const leads = new Set<number>(wanted);
  for (const node of nodes) {
    if (opDefinition(node.op).gradient && node.inputs.some((id) => leads.has(id))) {
      // Control buffers and labels are inputs too, but nothing wanted leads to them.
      for (const id of node.outputs) leads.add(id);
    }
  }
  return leads;
}
