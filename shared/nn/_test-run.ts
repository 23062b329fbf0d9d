/** Runs a small graph on the float64 reference, for tests that work values out by hand. */
import { Graph, type Tensor } from '../engine/plan/graph.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { pack, unpack } from '../engine/plan/shape.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';

export type Values = Readonly<Record<string, readonly number[]>>;

/** Outputs of a graph on given inputs and parameters; a parameter not given is all ones. */
export async function run(
  build: (graph: Graph, input: (name: string, ...shape: number[]) => Tensor) => Tensor,
  values: Values,
): Promise<number[]> {
  const graph = new Graph();
  const y = build(graph, (name, ...shape) => graph.create(name, shape, { role: 'external' }));
  const plan = makePlan('test', graph, 1, { y });
  const backend = createReferenceBackend();
  const parameters = new Float32Array(plan.parameterElements);
  for (const p of plan.parameters) {
    const own = values[p.name] ?? new Array<number>(1000).fill(1);
    parameters.set(pack(own, p.shape, p.padded), p.offset);
  }
  const buffers: Record<string, ReturnType<typeof backend.createBuffer>> = {};
  const put = (name: string, data: Float32Array<ArrayBuffer>) => {
    buffers[name] = backend.createBuffer(name, data.length);
    backend.writeFloats(buffers[name], data);
  };
  put('parameters', parameters);
  for (const t of graph.tensors) {
    if (t.role === 'external') put(t.name, pack(values[t.name]!, t.shape, t.padded));
  }
  const bindings = { buffers, scheduleBase: 12, scheduleColumns: 4 };
  const executable = await backend.prepare(plan, bindings);
  backend.run(executable, 1);
  return [...unpack(await executable.readOutput('y'), y.shape, y.padded)];
}
