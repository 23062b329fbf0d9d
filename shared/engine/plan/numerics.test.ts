import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../reference/reference-backend.ts';
import { differentiate } from './autodiff.ts';
import { Graph } from './graph.ts';
import { backendIn, isHalf, planIn } from './numerics.ts';
import { makePlan } from './plan.ts';

const init = { kind: 'ones', fanIn: 1, fanOut: 1 } as const;
const bindings = { scheduleBase: 12, scheduleColumns: 4 };

/** y = x w + b for rows of four numbers, with the gradients of w and b for dy. */
function layer() {
  const graph = new Graph();
  const [x, dy] = ['x', 'dy'].map((name) => graph.create(name, [1, 4], { role: 'external' }));
  const weight = graph.parameter('w', [4, 4], 2, init);
  const bias = graph.parameter('b', [4], 1, init);
  const z = graph.one('linear', [x!, weight, bias], {}, 'z');
  const y = graph.one('activation', [z], { kind: 'relu' }, 'y');
  const wanted = new Set(graph.parameters.map((p) => p.tensorId));
  differentiate(graph, new Map([[z.id, dy!]]), wanted);
  return makePlan('layer', graph, 1, { y, z });
}

describe('planIn()', () => {
  it('marks products, and leaves the plan of f32 and everything else as it was', () => {
    const plan = layer();
    expect(planIn(plan, 'f32')).toBe(plan);
    const half = planIn(plan, 'f16-multiply');
    const marked = half.dispatches.filter(isHalf).map((d) => d.op);
    expect(marked).toEqual(['linear', 'linear_grad_weight']);
    expect(plan.dispatches.some(isHalf)).toBe(false);
    expect({ ...half, dispatches: [] }).toEqual({ ...plan, dispatches: [] });
  });
});

describe('backendIn()', () => {
  /** y and the gradients of the layer for x = a, w = b, bias = c, dy = d everywhere. */
  async function run(numerics: 'f32' | 'f16-multiply', [a, b, c, d]: readonly number[]) {
    const backend = backendIn(createReferenceBackend(), numerics);
    const plan = layer();
    const fill = (name: string, elements: number, value: number) => {
      const buffer = backend.createBuffer(name, elements);
      backend.writeFloats(buffer, new Float32Array(elements).fill(value));
      return buffer;
    };
    const parameters = fill('parameters', plan.parameterElements, b!);
    const { offset } = plan.parameters.find((p) => p.name === 'b')!;
    backend.writeFloats(parameters, new Float32Array(4).fill(c!), offset);
    const gradients = fill('gradients', plan.parameterElements, 0);
    const buffers = { parameters, gradients, x: fill('x', 4, a!), dy: fill('dy', 4, d!) };
    const executable = await backend.prepare(plan, { ...bindings, buffers });
    backend.run(executable, 1);
    const [y] = await executable.readOutput('y');
    const [dw] = await backend.readFloats(gradients, 0, 1);
    const [db] = await backend.readFloats(gradients, offset, 1);
    return { y, dw, db };
  }

  it('is the backend itself for f32', () => {
    const backend = createReferenceBackend();
    expect(backendIn(backend, 'f32')).toBe(backend);
  });

  it('rounds operands, and neither sums nor the bias', async () => {
    // 1 + 2^-11 lies half way and goes to 1; 1 + 3 x 2^-11 to 1 + 2^-9.
    const numbers = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -20, 0];
    const [f32, f16] = [await run('f32', numbers), await run('f16-multiply', numbers)];
    expect(f16.y).toBe(Math.fround(4 * (1 + 2 ** -9) + 1 + 2 ** -20));
    expect(f32.y).toBeCloseTo(4 * (1 + 2 ** -11) * (1 + 3 * 2 ** -11) + 1, 5);
    expect(f32.y).not.toBe(f16.y);
  });

  it('keeps gradients that float16 alone would lose', async () => {
    const f16 = await run('f16-multiply', [1, 1, 0, 2 ** -30]);
    expect(f16).toMatchObject({ dw: 2 ** -30, db: 2 ** -30 });
    // Half of the smallest that the scale of 1024 leaves.
    expect(await run('f16-multiply', [1, 1, 0, 2 ** -35])).toMatchObject({ dw: 0, db: 0 });
  });

  it('makes infinite what is beyond the range, for the governor to see', async () => {
    expect((await run('f16-multiply', [65_519, 1, 0, 0])).y).toBe(4 * 65_504);
    expect((await run('f16-multiply', [65_520, 1, 0, 0])).y).toBe(Number.POSITIVE_INFINITY);
    expect((await run('f16-multiply', [1, 1, 0, 63.99])).dw).toBe(Number.POSITIVE_INFINITY);
    expect((await run('f16-multiply', [1, 1, 0, 63.96])).dw).toBe(65_504 / 1024);
  });
});
