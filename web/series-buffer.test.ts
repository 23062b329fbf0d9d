import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeriesBuffer } from './series-buffer.ts';

function chunk(from: number, count: number, value = (step: number) => step) {
  const steps = Float64Array.from({ length: count }, (_, i) => from + i);
  return { steps, loss: steps.map(value), accuracy: steps.map(() => 0.5) };
}

describe('SeriesBuffer', () => {
  it('keeps every point in order while there is room', () => {
    const buffer = new SeriesBuffer(8192);
    buffer.append(chunk(1, 5000));
    buffer.append(chunk(5001, 10));
    const { steps, loss } = buffer.view();
    expect(steps.length).toBe(5010);
    expect(steps[5009]).toBe(5010);
    expect(loss[4999]).toBe(5000);
    expect(buffer.stride).toBe(1);
  });

  it('takes steps back that are sent again after a rollback', () => {
    const buffer = new SeriesBuffer();
    buffer.append(chunk(1, 100));
    buffer.append(chunk(51, 10, () => 7));
    const { steps, loss } = buffer.view();
    expect(Array.from(steps.slice(48, 52))).toEqual([49, 50, 51, 52]);
    expect(steps.length).toBe(60);
    expect(loss[55]).toBe(7);
  });

  it('merges pairs when full: mean of what was measured, gaps only where both are', () => {
    const buffer = new SeriesBuffer(4);
    const loss = Float64Array.of(1, 3, Number.NaN, 5);
    const steps = Float64Array.of(1, 2, 3, 4);
    buffer.append({ steps, loss, accuracy: loss });
    buffer.append(chunk(5, 1));
    const view = buffer.view();
    expect(Array.from(view.steps)).toEqual([2, 4, 5]);
    expect(Array.from(view.loss)).toEqual([2, 5, 5]);
    expect(buffer.stride).toBe(2);
  });

  it('never exceeds its capacity, and steps always ascend', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ from: fc.integer({ min: 1, max: 500 }), count: fc.nat(60) })),
        fc.integer({ min: 1, max: 20 }),
        (chunks, half) => {
          const buffer = new SeriesBuffer(half * 2);
          for (const { from, count } of chunks) buffer.append(chunk(from, count));
          const { steps } = buffer.view();
          expect(steps.length).toBeLessThanOrEqual(half * 2);
          for (let i = 1; i < steps.length; i++) {
            expect(steps[i] as number).toBeGreaterThan(steps[i - 1] as number);
          }
        },
      ),
    );
  });

  it('tells its listeners until they stop', () => {
    const buffer = new SeriesBuffer();
    let calls = 0;
    const stop = buffer.subscribe(() => calls++);
    buffer.append(chunk(1, 2));
    buffer.clear();
    stop();
    buffer.append(chunk(1, 2));
    expect(calls).toBe(2);
  });

  it('refuses an odd capacity', () => {
    expect(() => new SeriesBuffer(3)).toThrow('Cannot keep 3 points');
  });
});
