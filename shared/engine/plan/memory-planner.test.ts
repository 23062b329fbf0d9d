import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planSlots } from './memory-planner.ts';

const lifetimes = fc.array(
  fc
    .record({
      bytes: fc.integer({ min: 1, max: 1000 }),
      first: fc.nat(40),
      length: fc.nat(10),
    })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length })),
  { maxLength: 40 },
);

describe('planSlots()', () => {
  it('shares a slot between tensors that never live together', () => {
    const plan = planSlots([
      { bytes: 100, first: 0, last: 1 },
      { bytes: 300, first: 1, last: 2 },
      { bytes: 200, first: 2, last: 3 },
    ]);
    expect(plan.slotOf[0]).toBe(plan.slotOf[2]);
    expect(plan.slotOf[1]).not.toBe(plan.slotOf[0]);
    expect([...plan.slotBytes].sort((a, b) => a - b)).toEqual([200, 300]);
  });

  it('never puts two living tensors into one slot, and every slot holds its largest', () => {
    fc.assert(
      fc.property(lifetimes, (lives) => {
        const { slotOf, slotBytes } = planSlots(lives);
        lives.forEach((a, i) => {
          expect(slotBytes[slotOf[i]!]!).toBeGreaterThanOrEqual(a.bytes);
          lives.slice(0, i).forEach((b, j) => {
            const together = a.first <= b.last && b.first <= a.last;
            if (together) expect(slotOf[i]).not.toBe(slotOf[j]);
          });
        });
      }),
    );
  });

  it('needs no more than one slot a tensor, nor less than what lives at once', () => {
    fc.assert(
      fc.property(lifetimes, (lives) => {
        const { slotBytes } = planSlots(lives);
        const total = slotBytes.reduce((a, b) => a + b, 0);
        const alone = lives.reduce((a, l) => a + l.bytes, 0);
        expect(total).toBeLessThanOrEqual(alone);
        for (let t = 0; t <= 50; t++) {
          const alive = lives.filter((l) => l.first <= t && t <= l.last);
          expect(total).toBeGreaterThanOrEqual(alive.reduce((a, l) => a + l.bytes, 0));
        }
      }),
    );
  });
});
