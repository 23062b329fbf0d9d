/** Dispatches to lower in tests: graphs through the planner, without a device. */
import { type Attributes, Graph, type Tensor } from '../plan/graph.ts';
import { makePlan, type Plan } from '../plan/plan.ts';
import { loweringOf } from './catalog.ts';
import type { KernelCall, LoweringContext } from './kernel-call.ts';

const INIT = { kind: 'zeros', fanIn: 1, fanOut: 1 } as const;

/** Tensors by short names, for graphs of a few nodes. */
export class TestGraph {
  readonly graph = new Graph();

  /** A float tensor of the caller's, one for each replica. */
  input(name: string, ...shape: number[]): Tensor {
    return this.graph.create(name, shape, { role: 'external' });
  }

  /** Words that all replicas read. */
  words(name: string, ...shape: number[]): Tensor {
    return this.graph.create(name, shape, {
      ...{ dtype: 'u32', role: 'external', padded: shape, replicated: false },
    });
  }

  /** Floats that all replicas read. */
  shared(name: string, ...shape: number[]): Tensor {
    return this.graph.create(name, shape, { role: 'external', replicated: false });
  }

  weight(name: string, ...shape: number[]): Tensor {
    return this.graph.parameter(name, shape, 2, INIT);
  }

  bias(name: string, n: number): Tensor {
    return this.graph.parameter(name, [n], 1, INIT);
  }

  control(): Tensor {
    return this.words('control', 64);
  }

  one(op: string, inputs: readonly Tensor[], attrs: Attributes = {}): Tensor {
    return this.graph.one(op, inputs, attrs);
  }
}

export function contextOf(
  plan: Plan,
  family: LoweringContext['family'] = 'software',
): LoweringContext {
  return {
    replicas: plan.replicas,
    parameterElements: plan.parameterElements,
    family,
    scheduleColumns: 8,
    scheduleBase: 12,
  };
}

/** Plans the graph and lowers it; every output of a node without a reader is kept. */
export function lowerAll(
  t: TestGraph,
  replicas = 1,
  family: LoweringContext['family'] = 'software',
): KernelCall[] {
  const read = new Set(t.graph.nodes.flatMap((n) => n.inputs));
  const open = t.graph.nodes.flatMap((n) => n.outputs).filter((id) => !read.has(id));
  const outputs = Object.fromEntries(open.map((id) => [`out${id}`, t.graph.tensor(id)]));
  const plan = makePlan('test', t.graph, replicas, outputs);
  return plan.dispatches.map((d) => loweringOf(d.op)(d, contextOf(plan, family)));
}
