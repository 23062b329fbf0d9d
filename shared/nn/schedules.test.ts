import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learningRateShare } from './schedules.ts';

describe('learningRateShare()', () => {
  it('is constant, or warms up from a first step that is not zero', () => {
    const schedule = { kind: 'constant', warmupSteps: 3, finalShare: 0 } as const;
    expect([0, 1, 2, 3, 99].map((s) => learningRateShare(schedule, s, 100))).toEqual([
      ...[0.25, 0.5, 0.75, 1, 1],
    ]);
    expect(learningRateShare({ ...schedule, warmupSteps: 0 }, 0, 1)).toBe(1);
  });

  it('falls along half a cosine to its final share', () => {
    const schedule = { kind: 'cosine', warmupSteps: 20, finalShare: 0.1 } as const;
    expect(learningRateShare(schedule, 20, 120)).toBe(1);
    expect(learningRateShare(schedule, 70, 120)).toBeCloseTo(0.55, 12);
    expect(learningRateShare(schedule, 120, 120)).toBeCloseTo(0.1, 12);
    expect(learningRateShare(schedule, 500, 120)).toBeCloseTo(0.1, 12);
  });

  it('falls along a line to its final share', () => {
    const schedule = { kind: 'linear', warmupSteps: 20, finalShare: 0.2 } as const;
    expect([20, 70, 120, 500].map((s) => learningRateShare(schedule, s, 120))).toEqual([
      ...[1, 0.6000000000000001, 0.2, 0.2],
    ]);
  });

  it('falls by a factor every so many steps after the warm-up', () => {
    const schedule = { kind: 'step', warmupSteps: 5, finalShare: 1 } as const;
    const halved = { ...schedule, decaySteps: 10, decayFactor: 0.5 };
    expect([5, 14, 15, 25].map((s) => learningRateShare(halved, s, 99))).toEqual([1, 1, 0.5, 0.25]);
    expect(learningRateShare(schedule, 1005, 9999)).toBe(0.1);
  });

  it('stays in (0, 1], and after the warm-up never rises', () => {
    const kind = fc.constantFrom('constant', 'cosine', 'linear', 'step' as const);
    const share = fc.float({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        kind,
        fc.nat(50),
        share,
        fc.integer({ min: 1, max: 200 }),
        (k, warmup, end, total) => {
          const schedule = { kind: k, warmupSteps: warmup, finalShare: end };
          let before = 1;
          for (let step = 0; step <= total; step++) {
            const s = learningRateShare(schedule, step, total);
            expect(s).toBeGreaterThanOrEqual(0);
            expect(s).toBeLessThanOrEqual(1);
            if (step >= warmup) {
              expect(s).toBeLessThanOrEqual(before);
              before = s;
            }
          }
        },
      ),
    );
  });
});
