import { describe, expect, it } from 'vitest';
import { Graph } from '../plan/graph.ts';
import { makePlan } from '../plan/plan.ts';
import { createReferenceBackend, outputValues } from './reference-backend.ts';

const bindings = { scheduleBase: 12, scheduleColumns: 4 };

/** y = 2 x for two replicas. */
function doubled() {
  const graph = new Graph();
  const x = graph.create('x', [2, 3], { role: 'external' });
  const y = graph.one('scale', [x], { factor: 2 }, 'y');
  return makePlan('doubled', graph, 2, { y });
}

describe('createReferenceBackend()', () => {
  it('runs a plan for every replica and reads its outputs in storage order', async () => {
    const backend = createReferenceBackend();
    const x = backend.createBuffer('x', 16);
    backend.writeFloats(
      x,
      Float32Array.from({ length: 16 }, (_, i) => (i % 4 === 3 ? 0 : i)),
    );
    const executable = await backend.prepare(doubled(), { ...bindings, buffers: { x } });
    backend.run(executable, 1);
    const y = await executable.readOutput('y');
    expect([...y]).toEqual([0, 2, 4, 0, 8, 10, 12, 0, 16, 18, 20, 0, 24, 26, 28, 0]);
    expect(executable.dispatchCount).toBe(1);
    expect([...outputValues(executable, 'y').slice(0, 3)]).toEqual([0, 2, 4]);
  });

  it('keeps words exactly and copies ranges', async () => {
    const backend = createReferenceBackend();
    const [a, b] = [backend.createBuffer('a', 4), backend.createBuffer('b', 4)];
    backend.writeWords(a, Uint32Array.of(0, 0xffff_ffff, 0x7fc0_0000, 3));
    backend.copy(a, 1, b, 0, 2);
    expect([...(await backend.readWords(b))]).toEqual([0xffff_ffff, 0x7fc0_0000, 0, 0]);
    expect([...(await backend.readWords(b, 1, 1))]).toEqual([0x7fc0_0000]);
    const [floats] = await backend.readMany([{ buffer: a, offset: 3, elements: 1 }]);
    expect([...floats!]).toEqual([3]);
  });

  it('says what it is', () => {
    expect(createReferenceBackend().adapter).toMatchObject({
      kind: 'reference',
      name: 'TypeScript reference (float64)',
    });
  });

  it('names the buffer that is missing or too small, and the op it does not have', async () => {
    const backend = createReferenceBackend();
    await expect(backend.prepare(doubled(), { ...bindings, buffers: {} })).rejects.toThrow(
      'Cannot prepare plan "doubled": no buffer "x" was given',
    );
    const x = backend.createBuffer('x', 8);
    await expect(backend.prepare(doubled(), { ...bindings, buffers: { x } })).rejects.toThrow(
      'buffer "x" has 8 elements, tensor "x" needs 16',
    );
    const plan = doubled();
    plan.dispatches[0]!.op = 'softplus';
    await expect(backend.prepare(plan, { ...bindings, buffers: {} })).rejects.toThrow(
      'Cannot run op "softplus": the reference has no such op',
    );
    expect(() => backend.writeFloats(x, new Float32Array(3), 6)).toThrow(
      'Cannot access elements 6 to 9 of buffer "x": it has 8',
    );
  });

  it('refuses a disposed executable, an unknown output and a foreign buffer', async () => {
    const backend = createReferenceBackend();
    const x = backend.createBuffer('x', 16);
    const executable = await backend.prepare(doubled(), { ...bindings, buffers: { x } });
    await expect(executable.readOutput('z')).rejects.toThrow('Cannot read output "z"');
    executable.dispose();
    expect(() => backend.run(executable, 1)).toThrow('Cannot run plan "doubled"');
    const foreign = { label: 'other', elements: 4 };
    expect(() => backend.writeFloats(foreign, new Float32Array(1))).toThrow(
      'Cannot use buffer "other": another backend made it',
    );
  });
});
