import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stripLength } from './conv-tiles.ts';
import type { LoweringContext } from './kernel-call.ts';
import { chooseTile, MAX_CANDIDATES, type TiledOp, tileKey } from './tiles.ts';

const context = (family: 'software' | 'gpu', quads: boolean): LoweringContext => ({
  ...{ replicas: 1, parameterElements: 64, family, quads, scheduleBase: 12, scheduleColumns: 4 },
});

const OPS: readonly TiledOp[] = [
  ...(['linear', 'linear_grad_input', 'linear_grad_weight'] as const),
  ...(['conv2d', 'conv2d_grad_input', 'conv2d_grad_weight'] as const),
  ...(['conv2d_grouped', 'conv2d_grouped_grad_input', 'conv2d_grouped_grad_weight'] as const),
];

const FAMILIES = fc.constantFrom<'software' | 'gpu'>('software', 'gpu');

const shapes = fc.record({
  op: fc.constantFrom(...OPS),
  rows: fc.integer({ min: 1, max: 3000 }),
  columns4: fc.integer({ min: 1, max: 300 }),
  depth: fc.integer({ min: 1, max: 3000 }),
  repeats: fc.integer({ min: 1, max: 3000 }),
  taps: fc.integer({ min: 1, max: 9 }),
});

describe('stripLength()', () => {
  it('covers a row with as few pieces as the longest allows, of least length', () => {
    const size = fc.integer({ min: 1, max: 500 });
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 16 }), (length, longest) => {
        const strip = stripLength(length, longest);
        const pieces = Math.ceil(length / longest);
        expect(strip).toBeLessThanOrEqual(longest);
        expect(strip * pieces).toBeGreaterThanOrEqual(length);
        expect((strip - 1) * pieces).toBeLessThan(length);
      }),
    );
    expect([28, 16, 14, 10, 9].map((w) => stripLength(w, 8))).toEqual([7, 8, 7, 5, 5]);
  });
});

describe('chooseTile()', () => {
  it('offers a few tiles, each once and within the limits every adapter has', () => {
    fc.assert(
      fc.property(shapes, FAMILIES, fc.boolean(), (s, family, quads) => {
        const { tile, candidates } = chooseTile(s, context(family, quads));
        expect(candidates.length).toBeGreaterThanOrEqual(1);
        expect(candidates.length).toBeLessThanOrEqual(MAX_CANDIDATES[family]);
        expect(new Set(candidates.map((t) => JSON.stringify(t))).size).toBe(candidates.length);
        expect(tile).toBe(candidates[0]);
        for (const t of candidates) {
          for (const n of [t.rows, t.columns4, t.wx, t.wy]) {
            expect(Number.isInteger(n) && n >= 1).toBe(true);
          }
          expect(t.wx * t.wy).toBeLessThanOrEqual(256);
        }
      }),
    );
  });

  it('shares loads only where the device can, by whole quads of rows and neighbours', () => {
    fc.assert(
      fc.property(shapes, FAMILIES, (s, family) => {
        const none = chooseTile(s, context(family, false)).candidates;
        expect(none.some((t) => t.quad)).toBe(false);
        for (const t of chooseTile(s, context(family, true)).candidates) {
          if (!t.quad) continue;
          expect(t.wx % 4).toBe(0);
          // Strips share weights and not rows.
          if (s.op !== 'conv2d' && s.op !== 'conv2d_grad_input') expect(t.rows % 4).toBe(0);
        }
      }),
    );
  });

  it('offers taller tiles on all lanes of a CPU renderer, after the default and where rows fill them', () => {
    const s = { op: 'linear', rows: 128, columns4: 16, depth: 64, repeats: 1 } as const;
    const tall = { rows: 16, columns4: 2, wx: 8, wy: 1 };
    const of = (shape: Parameters<typeof chooseTile>[0], quads = false) =>
      chooseTile(shape, { ...context('software', quads), replicas: 32 }).candidates;
    expect(of(s)[0]).toEqual({ rows: 8, columns4: 2, wx: 8, wy: 1 });
    expect(of(s).slice(1, 3)).toEqual([tall, { ...tall, wy: 2 }]);
    expect(of({ ...s, columns4: 8 })).toContainEqual({ ...tall, columns4: 1 });
    expect(of({ ...s, rows: 12 })).not.toContainEqual(tall);
    expect(of(s, true)).not.toContainEqual(tall);
    const weight = { ...s, op: 'linear_grad_weight', rows: 16, depth: 128 } as const;
    expect(of(weight)).toContainEqual({ ...tall, rows: 4 });
    expect(of({ ...weight, rows: 4 })).not.toContainEqual({ ...tall, rows: 4 });
  });

  it('lays the columns of a few results side by side on a CPU renderer, where lanes would be idle', () => {
    const s = { op: 'linear_grad_weight', depth: 1000, repeats: 1 } as const;
    const tile = (rows: number, columns4: number) =>
      chooseTile({ ...s, rows, columns4 }, context('software', false)).tile;
    expect(tile(3, 2)).toEqual({ rows: 1, columns4: 1, wx: 2, wy: 4 });
    expect(tile(3, 3)).toEqual({ rows: 1, columns4: 1, wx: 3, wy: 2 });
    // With many rows a lane each has work.
    expect(tile(35, 3)).toEqual({ rows: 2, columns4: 3, wx: 1, wy: 8 });
  });

  it('shares no weights between pixels that a stride leaves apart, under a key of their own', () => {
    const s = { op: 'conv2d_grad_input', rows: 16, columns4: 8, depth: 96, repeats: 64 } as const;
    const strided = { ...s, taps: 3, strided: true };
    const { candidates } = chooseTile(strided, context('software', true));
    expect(candidates.some((t) => t.quad)).toBe(false);
    expect(tileKey(strided)).toBe(`${tileKey({ ...s, taps: 3 })}/strided`);
  });

  it('offers workgroup memory to hardware, after the default and within what every adapter has', () => {
    fc.assert(
      fc.property(shapes, FAMILIES, fc.boolean(), (s, family, quads) => {
        const { candidates } = chooseTile(s, context(family, quads));
        const sliced = candidates.filter((t) => t.slice);
        const large = s.rows >= 32 && s.columns4 >= 8;
        const grouped = s.op.startsWith('conv2d_grouped');
        expect(sliced.length).toBe(family === 'gpu' && large && !grouped ? 3 : sliced.length);
        if (family === 'software' || grouped) expect(sliced).toEqual([]);
        expect(candidates[0]!.slice).toBeUndefined();
        const rows = s.op.endsWith('_grad_weight') ? 4 : 1;
        for (const { slice, ...t } of sliced) {
          expect(slice! % 4).toBe(0);
          // A vec4 more a row, which keeps neighbours out of each other's banks.
          const a = t.wy * t.rows * rows * (slice! + 4);
          const b = 4 * t.wx * t.columns4 * slice!;
          expect(4 * (a + b)).toBeLessThanOrEqual(16_384);
        }
      }),
    );
    const longest = { op: 'linear', rows: 64, columns4: 16, repeats: 1 } as const;
    const sliced = (depth: number) =>
      chooseTile({ ...longest, depth }, context('gpu', false)).candidates.some((t) => t.slice);
    expect([sliced(32_768), sliced(32_769)]).toEqual([true, false]);
  });

  it('takes all pixels of a convolution, and all taps of its weight, for the rows of a product', () => {
    const sliced = (s: Parameters<typeof chooseTile>[0]) =>
      chooseTile(s, context('gpu', false)).candidates.filter((t) => t.slice);
    const small = { op: 'conv2d', rows: 4, depth: 18, taps: 3 } as const;
    const counts = (columns4: number, repeats: number) =>
      sliced({ ...small, columns4, repeats }).length;
    expect([counts(3, 8), counts(4, 7), counts(4, 8), counts(8, 8)]).toEqual([0, 0, 1, 3]);
    const weight = { op: 'conv2d_grad_weight', columns4: 8, depth: 100, repeats: 24 } as const;
    expect(sliced({ ...weight, rows: 2, taps: 3 })).toEqual([]);
    expect(sliced({ ...weight, rows: 3, taps: 3 }).length).toBe(3);
  });

  it('cuts rows of pixels, or of taps, for convolutions with groups', () => {
    const shape = { columns4: 3, depth: 3, repeats: 8, taps: 3 } as const;
    for (const family of ['software', 'gpu'] as const) {
      const rows = (op: TiledOp, width: number) =>
        chooseTile({ op, rows: width, ...shape }, context(family, true)).candidates.map(
          (t) => t.rows,
        );
      const strips = rows('conv2d_grouped', 13);
      expect(strips.length).toBeGreaterThan(4);
      for (const n of strips) expect(stripLength(13, n)).toBe(n);
      expect(strips[0]).toBe(family === 'gpu' ? 4 : 7);
      expect(new Set(rows('conv2d_grouped_grad_weight', 13))).toEqual(new Set([3, 2, 1]));
    }
  });

  it('starts with a small tile where there is little to do', () => {
    const shape = { op: 'linear', columns4: 8, depth: 64, repeats: 1 } as const;
    const area = (rows: number) => {
      const { tile } = chooseTile({ ...shape, rows }, context('software', true));
      return tile.rows * tile.columns4;
    };
    expect(area(16)).toBeLessThan(area(1024));
  });

  it('takes a recorded tile', () => {
    const shape = { op: 'linear', rows: 100, columns4: 20, depth: 64, repeats: 1 } as const;
    const tile = { rows: 3, columns4: 1, wx: 2, wy: 2 };
    const tiles = { [tileKey(shape)]: tile };
    expect(chooseTile(shape, { ...context('gpu', false), tiles }).tile).toBe(tile);
    expect(chooseTile({ ...shape, rows: 1000 }, { ...context('gpu', false), tiles }).tile).not.toBe(
      tile,
    );
  });
});

describe('tileKey()', () => {
  it('is shared by products of about one size, and exact in the width of images', () => {
    const linear = { op: 'linear', rows: 100, columns4: 20, depth: 70, repeats: 1 } as const;
    expect(tileKey(linear)).toBe('linear/128x32x128x1');
    expect(tileKey({ ...linear, rows: 120, columns4: 30 })).toBe(tileKey(linear));
    const conv = { ...linear, op: 'conv2d', rows: 28, taps: 3 } as const;
    expect(tileKey(conv)).toBe('conv2d/28x32x128x1/3');
    expect(tileKey({ ...conv, rows: 29 })).not.toBe(tileKey(conv));
  });

  it('counts replicas as repeats: a choice for one is none for many', () => {
    const linear = { op: 'linear', rows: 128, columns4: 16, depth: 64, repeats: 1 } as const;
    expect(tileKey(linear, 1)).toBe(tileKey(linear));
    expect(tileKey(linear, 32)).toBe(tileKey({ ...linear, repeats: 32 }));
    const many = { ...context('software', false), replicas: 32 };
    const one = chooseTile({ ...linear, rows: 64 }, context('software', false));
    const all = chooseTile({ ...linear, rows: 64 }, many);
    expect(all.work).toBe(32 * one.work);
    expect(all.key).not.toBe(one.key);
    // 64 x 16 results alone want small tiles; 32 times as many want large ones.
    const size = (t: { rows: number; columns4: number }) => t.rows * t.columns4;
    expect(size(all.tile)).toBeGreaterThan(size(one.tile));
  });
});
