import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlphaRamp, PACED_CURVES } from '../contracts/seed.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { follow, openTiny, setAlpha, tinyExperiment, wholeLife } from '../tolaria/_test-run.ts';
import { controller, germinate, signal, stageOf } from './_test-controller.ts';
import { type PaceSignals, pace } from './alpha-pace.ts';
import { alphaAt, progressAt, rampEnd } from './alpha-schedule.ts';

const ramp = (curve: AlphaRamp['curve']): AlphaRamp => ({
  ...{ curve, from: 0, to: 1, startStep: 100, steps: 50 },
});
const layer = (more: Partial<NonNullable<PaceSignals['layer']>>) => ({
  ...{ activationVariance: 1, gradientNorm: 1 },
  ...more,
});

/** Rates at looks ten steps apart. */
function rates(curve: AlphaRamp['curve'], looks: PaceSignals[]): number[] {
  let now = ramp(curve);
  return looks.map((signals, i) => {
    now = pace(now, 110 + 10 * i, signals).ramp;
    return now.pace!.rate;
  });
}

describe('pace()', () => {
  it('slows a performance-linked ramp by how much the loss rose since the look before', () => {
    const looks = [1, 0.9, 0.9 * 1.02, 2, 1.9, 1.9 * 1.05].map((loss) => ({ loss, layer: null }));
    const got = rates('performance-linked', looks);
    [1, 1, 0.6, 0, 1, 0].forEach((want, i) => {
      expect(got[i]).toBeCloseTo(want, 9);
    });
  });

  it('holds a drift-controlled ramp while the layer spreads out or shrinks', () => {
    const looks = [1, 1.2, 4, 4, 3].map((activationVariance) => ({
      ...{ loss: null, layer: layer({ activationVariance }) },
    }));
    expect(rates('drift-controlled', looks)).toEqual([1, 1, 0, 1, 0]);
  });

  it('holds a gradient-gated ramp while the gradient jumps or vanishes', () => {
    const looks = [1, 1.9, 9, 5, 0.1, 0].map((gradientNorm) => ({
      ...{ loss: null, layer: layer({ gradientNorm }) },
    }));
    expect(rates('gradient-gated', looks)).toEqual([1, 1, 0, 1, 0, 0]);
  });

  it.each(PACED_CURVES)('stands where nothing was measured: %s', (curve) => {
    const seen = { loss: 1, layer: layer({}) };
    const unseen = { loss: null, layer: null };
    expect(rates(curve, [unseen, seen, unseen, seen])).toEqual([0, 1, 0, 1]);
    const report = pace(pace(ramp(curve), 110, seen).ramp, 120, unseen);
    expect(report.value).toBeNull();
  });

  it('is for paced curves', () => {
    expect(() => pace(ramp('cosine'), 110, { loss: 1, layer: null })).toThrow(/cosine/);
  });

  it('property: alpha goes one way, without a jump at a look, to its exact end', () => {
    const looks = fc.array(
      fc.record({
        after: fc.integer({ min: 1, max: 30 }),
        loss: fc.option(fc.double({ min: 0.01, max: 3, noNaN: true })),
        value: fc.option(fc.double({ min: 0, max: 4, noNaN: true })),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(looks, fc.constantFrom(...PACED_CURVES), fc.boolean(), (all, curve, isDown) => {
        let now: AlphaRamp = { ...ramp(curve), ...(isDown ? { from: 0.8, to: 0.2 } : {}) };
        let step = now.startStep;
        let last = now.from;
        for (const { after, loss, value } of all) {
          for (let i = 0; i < after; i++) {
            const alpha = alphaAt(now, ++step);
            expect(isDown ? last - alpha : alpha - last).toBeGreaterThanOrEqual(0);
            expect(Math.abs(alpha - last)).toBeLessThanOrEqual(1 / now.steps + 1e-12);
            last = alpha;
          }
          const signals = {
            loss,
            layer: layer({ activationVariance: value, gradientNorm: value }),
          };
          now = pace(now, step, signals).ramp;
          expect(alphaAt(now, step)).toBeCloseTo(last, 12);
        }
        const end = rampEnd(now);
        if (!Number.isFinite(end)) return;
        expect(alphaAt(now, end)).toBe(now.to);
        if (end > (now.pace?.since ?? now.startStep))
          expect(progressAt(now, end - 1)).toBeLessThan(1);
      }),
    );
  });
});

describe('GrowthController with a paced ramp', () => {
  it('tells each change of pace, and culls a ramp that never ends', async () => {
    const c = controller({ alphaCurve: 'performance-linked', stageTimeoutSteps: 40 });
    c.growing.applyDecision(germinate(), 0);
    await c.growing.settle(5);
    c.growing.recordMeasurements([signal('s1')], 0.1, new Map());
    c.growing.applyCommand({ kind: 'advance', layerId: 'fc1', slot: 0 }, 10);
    for (const [step, loss] of [
      [12, 1],
      [14, 2],
      [16, 4],
      [18, 4],
      [20, null],
    ] as const) {
      await c.growing.settle(step, loss);
    }
    const told = c.events.filter((e) => e.type === 'pace');
    expect(told.map((e) => [e.rate, e.value])).toEqual([
      [0, 1],
      [1, 0],
      [0, null],
    ]);
    expect(stageOf(c)).toBe('BLENDING');
    await c.growing.settle(50, null);
    expect(stageOf(c)).toBe('CULLED');
  });
});

describe('a run with a paced ramp', () => {
  it.each(PACED_CURVES)('blends, up and down, and resumes to the same bits: %s', async (curve) => {
    const experiment = tinyExperiment({
      steps: 90,
      growth: { alphaCurve: curve, stageTimeoutSteps: 200 },
    });
    const script = { ...wholeLife('fc1', 'widen-3'), 60: [setAlpha('fc1', 0.3)] };
    delete (script as Record<number, unknown>)[36];
    const whole = await openTiny({ experiment });
    const alphas: number[] = [];
    for (let step = 20; step <= 90; step += 5) {
      await follow(whole.trainer, script, step);
      alphas.push(whole.trainer.growth.alphas(step)[1] ?? Number.NaN);
    }
    expect(Math.max(...alphas)).toBeGreaterThan(0.3);
    for (const at of [22, 47, 71]) {
      const storage = memoryRunStorage();
      const first = await openTiny({ experiment, storage });
      await follow(first.trainer, script, at);
      await first.trainer.save();
      const { trainer } = await openTiny({ experiment, storage, resume: true });
      await follow(trainer, script);
      expect(await trainer.digest()).toBe(await whole.trainer.digest());
    }
  });
});
