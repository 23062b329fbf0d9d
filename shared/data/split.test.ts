import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleRows, splitRows } from './split.ts';

const labelled = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 120 });
const fraction = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const seed = fc.integer({ min: 0, max: 0xffffffff });
const rowsOf = (labels: readonly number[]) => labels.map((_, i) => i);

describe('splitRows()', () => {
  it('gives disjoint parts that together are all rows, in their own order', () => {
    fc.assert(
      fc.property(labelled, fraction, seed, (labels, f, s) => {
        const { kept, heldOut } = splitRows(rowsOf(labels), labels, f, s, 'test');
        expect([...kept, ...heldOut].toSorted((a, b) => a - b)).toEqual(rowsOf(labels));
        for (const part of [kept, heldOut]) expect(part).toEqual(part.toSorted((a, b) => a - b));
      }),
    );
  });

  it('gives the same split for the same seed', () => {
    fc.assert(
      fc.property(labelled, fraction, seed, (labels, f, s) => {
        const once = splitRows(rowsOf(labels), labels, f, s, 'test');
        expect(splitRows(rowsOf(labels), labels, f, s, 'test')).toEqual(once);
      }),
    );
  });

  it('keeps and holds out every class that has two rows or more', () => {
    fc.assert(
      fc.property(labelled, fraction, seed, (labels, f, s) => {
        const { kept, heldOut } = splitRows(rowsOf(labels), labels, f, s, 'test');
        for (const label of new Set(labels)) {
          const size = labels.filter((l) => l === label).length;
          const out = heldOut.filter((row) => labels[row] === label).length;
          expect(kept.some((row) => labels[row] === label)).toBe(true);
          if (size === 1) expect(out).toBe(0);
          else expect(out).toBe(Math.min(size - 1, Math.max(1, Math.round(size * f))));
        }
      }),
    );
  });

  it('gives another split for another seed', () => {
    const labels = Array.from({ length: 200 }, (_, i) => i % 2);
    const one = splitRows(rowsOf(labels), labels, 0.3, 1, 'test');
    expect(splitRows(rowsOf(labels), labels, 0.3, 2, 'test')).not.toEqual(one);
  });
});

describe('sampleRows()', () => {
  it('chooses exactly as many as asked, each once, classes in proportion', () => {
    fc.assert(
      fc.property(labelled, fraction, seed, (labels, f, s) => {
        const count = Math.floor(labels.length * f);
        const chosen = sampleRows(rowsOf(labels), labels, count, s, 'test');
        expect(new Set(chosen).size).toBe(count);
        for (const label of new Set(labels)) {
          const size = labels.filter((l) => l === label).length;
          const share = chosen.filter((row) => labels[row] === label).length;
          expect(share).toBeGreaterThanOrEqual(Math.floor((size * count) / labels.length));
        }
      }),
    );
  });
});
