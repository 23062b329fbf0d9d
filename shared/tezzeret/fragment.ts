/**
 * The plan of a seed alone: forward pass, and gradients of L = sum(s * dy) with respect to every
 * parameter and to what the seed reads. It is what Tezzeret compiles and verifies.
 *
 * Externals: `x` and `z` where the blueprint reads them, and `dy`, the gradient that reaches the
 * seed's output. Outputs: `s`, and `d_x`, `d_z` where they exist.
 */
import { inferShapes } from '../blueprints/ir.ts';
import type { Blueprint, HostShape } from '../contracts/blueprint.ts';
import { differentiate } from '../engine/plan/autodiff.ts';
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { planIn } from '../engine/plan/numerics.ts';
import { makePlan, type Plan, type PlannedParameter } from '../engine/plan/plan.ts';
import { seedPrefix } from '../kasmina/kasmina-layer.ts';
import { seedOutput } from '../kasmina/seed-output.ts';

const SEED = { layerId: 'host', seedId: 'seed' } as const;
const PREFIX = `${seedPrefix(SEED)}.`;

export type GivenInput = 'x' | 'z';

export interface Fragment {
  plan: Plan;
  batch: number;
  /** What the blueprint reads of its host. */
  reads: readonly GivenInput[];
}

/**
 * @param host Also says the numeric class of the seed's products.
 * @param batch Rows of x.
 * @param pass `forward` leaves the gradients out.
 * @throws {InputError} If the blueprint does not fit the host.
 * @throws {RangeError} If an op does not take its shapes.
 */
export function seedFragment(
  blueprint: Blueprint,
  host: HostShape,
  batch: number,
  pass: 'forward' | 'training' = 'training',
): Fragment {
  const { shapes } = inferShapes(blueprint, host);
  const graph = new Graph();
  const read = new Set(blueprint.nodes.flatMap((node) => node.inputs));
  const reads = (['x', 'z'] as const).filter((id) => read.has(id));
  const external = (name: string, features: readonly number[]) =>
    graph.create(name, [batch, ...features], { role: 'external' });
  const x = external('x', shapes.get('x')!);
  const z = external('z', shapes.get('z')!);
  const s = seedOutput(graph, { blueprint, prefix: seedPrefix(SEED), group: 0 }, host, x, z);
  const outputs: Record<string, Tensor> = { s };
  if (pass === 'training') {
    const dy = external('dy', shapes.get('z')!);
    const given = [x, z].filter((t) => read.has(t.name));
    const wanted = new Set([...graph.parameters.map((p) => p.tensorId), ...given.map((t) => t.id)]);
    const gradients = differentiate(graph, new Map([[s.id, dy]]), wanted);
    for (const input of given) {
      const gradient = gradients.get(input.id);
      if (!gradient) continue;
      // An input is no parameter: its gradient is an output. It can be dy itself, after an add.
      gradient.role = gradient === dy ? 'external' : 'activation';
      gradient.parameterId = null;
      outputs[`d_${input.name}`] = gradient;
    }
  }
  const plan = makePlan(`seed-${blueprint.name}-${pass}`, graph, 1, outputs);
  return { plan: planIn(plan, host.numerics ?? 'f32'), batch, reads };
}

/** Name of a fragment's parameter within its blueprint: `<node>.weight` or `<node>.bias`. */
export function parameterName(parameter: Pick<PlannedParameter, 'name'>): string {
  return parameter.name.slice(PREFIX.length);
}
