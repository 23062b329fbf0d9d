/**
 * The plan: an ordered list of dispatches and a place in memory for every tensor. It is all a
 * backend needs, holds no device, and is the same for the GPU and for the float64 reference.
 */
import { fuse } from './fusion.ts';
import type { Attributes, Graph, ParameterInit, Tensor } from './graph.ts';
import { planSlots } from './memory-planner.ts';
import { numel, roundUp, SLICE_ALIGNMENT } from './shape.ts';
import { splitLongSums } from './split-sums.ts';

/** Where a tensor is: a buffer, an offset and the distance between replicas, in elements. */
export interface Placement {
  buffer: string;
  offset: number;
  /** 0 when all replicas share the data. */
  replicaStride: number;
  /** Elements of one replica, padding included. */
  elements: number;
}

export interface PlannedTensor extends Placement {
  id: number;
  name: string;
  shape: readonly number[];
  padded: readonly number[];
  dtype: 'f32' | 'u32';
}

export interface Dispatch {
  op: string;
  attrs: Attributes;
  inputs: PlannedTensor[];
  outputs: PlannedTensor[];
}

export interface PlannedParameter {
  name: string;
  shape: readonly number[];
  padded: readonly number[];
  /** Offset in the parameter arena, in elements. */
  offset: number;
  init: ParameterInit;
  group: number;
}

export interface Plan {
  name: string;
  replicas: number;
  dispatches: Dispatch[];
  /** Slot buffers the backend allocates: name, elements and the largest tensor that lives there. */
  slots: { name: string; elements: number; largest: string }[];
  parameters: PlannedParameter[];
  /** Elements between two replicas in the parameter arena; 0 when they share one copy. */
  parameterElements: number;
  /** Tensors the caller reads after a run, by the names given to {@link makePlan}. */
  outputs: Record<string, PlannedTensor>;
  memory: { arenaBytes: number; withoutReuseBytes: number };
}

/** Offsets of the parameters in their arena; the layout depends only on the list's order. */
export function layoutParameters(graph: Graph): {
  parameters: PlannedParameter[];
  elements: number;
} {
  let offset = 0;
  const parameters = graph.parameters.map((p) => {
    const t = graph.tensor(p.tensorId);
    const placed = {
      name: p.name,
      shape: t.shape,
      padded: t.padded,
      offset,
      init: p.init,
      group: p.group,
    };
    offset += roundUp(numel(t.padded), SLICE_ALIGNMENT);
    return placed;
  });
  return { parameters, elements: Math.max(offset, SLICE_ALIGNMENT) };
}

/**
 * @param outputs Tensors to read after a run, by name; they keep their slot to the end.
 * @param arena Layout of the parameter arena when it belongs to another plan (evaluation plans
 *   read the training plan's parameters).
 */
export function makePlan(
  name: string,
  graph: Graph,
  replicas: number,
  outputs: Readonly<Record<string, Tensor>> = {},
  arena?: {
    parameters: readonly PlannedParameter[];
    elements: number;
    /** All replicas read the one copy of the parameters; for plans that only evaluate. */
    shared?: boolean;
  },
): Plan {
  const kept = new Set(Object.values(outputs).map((t) => t.aliasOf ?? t.id));
  fuse(graph, kept);
  splitLongSums(graph);
  const layout = arena
    ? { parameters: [...arena.parameters], elements: arena.elements }
    : layoutParameters(graph);
  const stride = arena?.shared ? 0 : layout.elements;
  const offsetOf = new Map(layout.parameters.map((p) => [p.name, p.offset]));
  const parameterName = new Map(graph.parameters.map((p) => [p.tensorId, p.name]));
  const root = (id: number): Tensor => {
    let t = graph.tensor(id);
    while (t.aliasOf !== null) t = graph.tensor(t.aliasOf);
    return t;
  };
  const nodes = graph.nodes.filter(
    (n) => n.outputs.length === 0 || n.outputs.some((id) => graph.tensor(id).aliasOf === null),
  );

  const lifetimes = new Map<number, { first: number; last: number }>();
  nodes.forEach((node, i) => {
    for (const id of [...node.inputs, ...node.outputs]) {
      const t = root(id);
      if (t.role !== 'activation') continue;
      const life = lifetimes.get(t.id);
      if (life) life.last = i;
      else lifetimes.set(t.id, { first: i, last: i });
    }
  });
  for (const id of kept) {
    const life = lifetimes.get(root(id).id);
    if (life) life.last = nodes.length;
  }
  const ids = [...lifetimes.keys()];
  const bytes = (t: Tensor) => roundUp(replicas * numel(t.padded) * 4, 256);
  const slotPlan = planSlots(
    ids.map((id) => ({ bytes: bytes(graph.tensor(id)), ...lifetimes.get(id)! })),
  );
  const slotOf = new Map(ids.map((id, i) => [id, slotPlan.slotOf[i]!]));

  const largestIn = (slot: number): string => {
    const inside = ids.filter((_, i) => slotPlan.slotOf[i] === slot).map((id) => graph.tensor(id));
    return inside.reduce((a, b) => (bytes(b) > bytes(a) ? b : a)).name;
  };

  const place = (id: number): PlannedTensor => {
    const t = graph.tensor(id);
    const r = root(id);
    const elements = numel(t.padded);
    const common = { id, name: t.name, shape: t.shape, padded: t.padded, dtype: t.dtype, elements };
    if (r.role === 'parameter' || r.role === 'parameter-gradient') {
      const owner = r.role === 'parameter' ? r.id : r.parameterId!;
      const parameter = parameterName.get(owner);
      const offset = parameter === undefined ? undefined : offsetOf.get(parameter);
      if (offset === undefined) {
        throw new RangeError(`Cannot place "${t.name}": the arena has no parameter for it`);
      }
      const buffer = r.role === 'parameter' ? 'parameters' : 'gradients';
      return { ...common, buffer, offset, replicaStride: stride };
    }
    if (r.role === 'external') {
      return { ...common, buffer: r.name, offset: 0, replicaStride: r.replicated ? elements : 0 };
    }
    return { ...common, buffer: `slot${slotOf.get(r.id)!}`, offset: 0, replicaStride: elements };
  };

  return {
    name,
    replicas,
    dispatches: nodes.map((n) => ({
      op: n.op,
      attrs: n.attrs,
      inputs: n.inputs.map(place),
      outputs: n.outputs.map(place),
    })),
    slots: slotPlan.slotBytes.map((b, i) => ({
      name: `slot${i}`,
      elements: b / 4,
      largest: largestIn(i),
    })),
    parameters: layout.parameters,
    parameterElements: stride,
    outputs: Object.fromEntries(Object.entries(outputs).map(([k, t]) => [k, place(t.id)])),
    memory: {
      arenaBytes: slotPlan.slotBytes.reduce((a, b) => a + b, 0),
      withoutReuseBytes: ids.reduce((a, id) => a + bytes(graph.tensor(id)), 0),
    },
  };
}
