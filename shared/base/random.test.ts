import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox, RandomStream, streamOf, unitFloat, type Words4 } from './random.ts';

const hex = (words: Words4): string => words.map((w) => w.toString(16).padStart(8, '0')).join(' ');
const word = fc.integer({ min: 0, max: 0xffff_ffff });

describe('philox()', () => {
  // Source: Random123, tests/kat_vectors, philox4x32 with 10 rounds.
  it.each<[Words4, [number, number], string]>([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ])('gives the known answer for counter %j and key %j', (counter, key, answer) => {
    expect(hex(philox(counter, key))).toBe(answer);
  });

  it('multiplies 32 by 32 bits without losing any', () => {
    // One round, written with 64-bit integers, repeated ten times.
    const reference = (counter: Words4, key: readonly [number, number]): Words4 => {
      let c = counter.map(BigInt);
      let [k0, k1] = key.map(BigInt) as [bigint, bigint];
      for (let round = 0; round < 10; round++) {
        const [p0, p1] = [0xd2511f53n * c[0]!, 0xcd9e8d57n * c[2]!];
        c = [
          (p1 >> 32n) ^ c[1]! ^ k0,
          p1 & 0xffffffffn,
          (p0 >> 32n) ^ c[3]! ^ k1,
          p0 & 0xffffffffn,
        ];
        k0 = (k0 + 0x9e3779b9n) & 0xffffffffn;
        k1 = (k1 + 0xbb67ae85n) & 0xffffffffn;
      }
      return c.map(Number) as unknown as Words4;
    };
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        expect(philox(counter, key)).toEqual(reference(counter, key));
      }),
    );
  });
});

describe('unitFloat()', () => {
  it('is in [0, 1) and exact in float32', () => {
    fc.assert(
      fc.property(word, (w) => {
        const v = unitFloat(w);
        expect(v).toBeGreaterThanOrEqual(0);
        expect(v).toBeLessThan(1);
        expect(Math.fround(v)).toBe(v);
      }),
    );
  });
});

describe('streamOf()', () => {
  it('is FNV-1a of the name', () => {
    // Source: the FNV reference vectors for 32 bits.
    expect(streamOf('')).toBe(0x811c9dc5);
    expect(streamOf('a')).toBe(0xe40c292c);
    expect(streamOf('foobar')).toBe(0xbf9cf968);
  });
});

describe('RandomStream', () => {
  it('reads the Philox blocks of its key in order', () => {
    const random = new RandomStream(7, 'x');
    const key = [7, streamOf('x')] as const;
    const words = [0, 1, 2].flatMap((block) => [...philox([block, 0, 0, 0], key)]);
    expect(words.map(() => random.word())).toEqual(words);
  });

  it('gives the same numbers to the same seed and name, and others to any other', () => {
    const first = (seed: number, name: string) => {
      const random = new RandomStream(seed, name);
      return Array.from({ length: 8 }, () => random.word());
    };
    expect(first(1, 'a')).toEqual(first(1, 'a'));
    expect(first(1, 'a')).not.toEqual(first(2, 'a'));
    expect(first(1, 'a')).not.toEqual(first(1, 'b'));
  });

  it('draws uniform and normal numbers with the right moments', () => {
    const random = new RandomStream(3, 'moments');
    const n = 20_000;
    const moments = (draw: () => number) => {
      const values = Array.from({ length: n }, draw);
      const mean = values.reduce((a, b) => a + b, 0) / n;
      return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / n };
    };
    const uniform = moments(() => random.uniform());
    expect(uniform.mean).toBeCloseTo(0.5, 1);
    expect(uniform.variance).toBeCloseTo(1 / 12, 2);
    const normal = moments(() => random.normal());
    expect(Math.abs(normal.mean)).toBeLessThan(0.03);
    expect(Math.abs(normal.variance - 1)).toBeLessThan(0.05);
  });

  it('draws integers below n and shuffles without losing any', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), word, (n, seed) => {
        const random = new RandomStream(seed, 'integers');
        for (let i = 0; i < 20; i++) {
          const v = random.integer(n);
          expect(Number.isInteger(v) && v >= 0 && v < n).toBe(true);
        }
        const items = Array.from({ length: Math.min(n, 50) }, (_, i) => i);
        expect(random.shuffle([...items]).sort((a, b) => a - b)).toEqual(items);
      }),
    );
  });
});
