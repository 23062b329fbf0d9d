import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GateCheck } from '../contracts/events.ts';
import { dormantSlot } from '../contracts/seed.ts';
import {
  type GateResult,
  type GerminationRequest,
  gateG0,
  gateG1,
  gateG2,
  gateG3,
  gateG5,
  type HoldingReport,
  type TrainingReport,
} from './gates.ts';

const request: GerminationRequest = {
  slot: dormantSlot('fc1', 0),
  step: 100,
  blueprintKnown: true,
  probe: { compatible: true, parameters: 50 },
  parametersLeft: 50,
  concurrentLeft: 1,
  seedsLeft: 1,
};
const training: TrainingReport = {
  step: 300,
  stageSince: 100,
  minSteps: 200,
  gradientNorm: 0.3,
  gradientRatio: 0.2,
  minGradientRatio: 0.01,
  improvement: 0.1,
};
const holding: HoldingReport = {
  step: 300,
  stageSince: 200,
  minSteps: 100,
  contribution: 0.02,
  minContribution: 0.02,
  signal: { gradientNorm: 0.1, deadUnitRatio: 0.25 },
  faults: 0,
};

const failed = (result: GateResult) => result.checks.filter((c) => !c.passed).map((c) => c.name);

describe('gateG0()', () => {
  it('passes a fitting blueprint into a free slot', () => {
    expect(gateG0(request).passed).toBe(true);
  });

  it.each<[string, Partial<GerminationRequest>]>([
    ['slot-dormant', { slot: { ...request.slot, stage: 'CULLED' } }],
    ['embargo-passed', { slot: { ...request.slot, embargoUntil: 101 } }],
    ['blueprint-known', { blueprintKnown: false }],
    ['shapes-compatible', { probe: { compatible: false, parameters: 50 } }],
    ['parameters-in-budget', { parametersLeft: 49 }],
    ['concurrent-seeds-left', { concurrentLeft: 0 }],
    ['seeds-left', { seedsLeft: 0 }],
  ])('fails %s alone', (name, change) => {
    const result = gateG0({ ...request, ...change });
    expect(result.passed).toBe(false);
    expect(failed(result)).toEqual([name]);
  });

  it('fails shapes that were not probed', () => {
    expect(failed(gateG0({ ...request, probe: null }))).toEqual([
      'shapes-compatible',
      'parameters-in-budget',
    ]);
  });
});

describe('gateG1()', () => {
  it('passes what was verified and placed', () => {
    const report = { artifactValidated: true, digestMatches: true, placed: true };
    expect(gateG1(report).passed).toBe(true);
    for (const key of ['artifactValidated', 'digestMatches', 'placed'] as const) {
      expect(gateG1({ ...report, [key]: false }).passed).toBe(false);
      const unchecked = gateG1({ ...report, [key]: null });
      expect(unchecked.passed).toBe(false);
      expect(unchecked.checks.filter((c) => c.value === null)).toHaveLength(1);
    }
  });
});

describe('gateG2()', () => {
  it('passes on improvement alone and on gradient ratio alone', () => {
    expect(gateG2(training).passed).toBe(true);
    const byLoss = gateG2({ ...training, gradientRatio: 0 });
    expect(byLoss.passed).toBe(true);
    expect(byLoss.checks.map((c) => c.name)).toContain('improvement');
    const byRatio = gateG2({ ...training, improvement: null });
    expect(byRatio.passed).toBe(true);
    expect(byRatio.checks.map((c) => c.name)).toContain('gradient-ratio');
    expect(byRatio.checks.map((c) => c.name)).not.toContain('improvement');
  });

  it.each<[string[], Partial<TrainingReport>]>([
    [['steps-in-stage'], { step: 299 }],
    [['gradient-norm-finite'], { gradientNorm: null }],
    [['gradient-norm-finite'], { gradientNorm: Number.NaN }],
    [['gradient-norm-finite'], { gradientNorm: Number.POSITIVE_INFINITY }],
    [['improvement', 'gradient-ratio'], { improvement: 0, gradientRatio: 0 }],
    [['improvement', 'gradient-ratio'], { improvement: null, gradientRatio: null }],
  ])('fails %s alone', (names, change) => {
    const result = gateG2({ ...training, ...change });
    expect(result.passed).toBe(false);
    expect(failed(result)).toEqual(names);
  });
});

describe('gateG3()', () => {
  it('passes at the target only', () => {
    expect(gateG3({ alpha: 1, alphaTarget: 1 }).passed).toBe(true);
    expect(gateG3({ alpha: Math.fround(0.7), alphaTarget: 0.7 }).passed).toBe(true);
    expect(gateG3({ alpha: 0.99, alphaTarget: 1 })).toEqual({
      gate: 'G3',
      passed: false,
      checks: [{ name: 'alpha-at-target', passed: false, value: 0.99, threshold: 1 }],
    });
    expect(gateG3({ alpha: Number.NaN, alphaTarget: 1 }).passed).toBe(false);
  });
});

describe('gateG5()', () => {
  it('passes a healthy seed that contributes', () => {
    expect(gateG5(holding).passed).toBe(true);
  });

  it.each<[string[], Partial<HoldingReport>]>([
    [['steps-in-stage'], { step: 299 }],
    [['contribution'], { contribution: 0.019 }],
    [['contribution'], { contribution: null }],
    [['gradient-norm-finite'], { signal: { gradientNorm: null, deadUnitRatio: 0 } }],
    [['dead-unit-ratio'], { signal: { gradientNorm: 1, deadUnitRatio: 0.95 } }],
    [['gradient-norm-finite', 'dead-unit-ratio'], { signal: null }],
    [['faults'], { faults: 1 }],
  ])('fails %s alone', (names, change) => {
    expect(failed(gateG5({ ...holding, ...change }))).toEqual(names);
  });
});

describe('every gate', () => {
  it('property: passes exactly when all checks pass, and no unmeasured check does', () => {
    const number = fc.option(fc.double(), { nil: null });
    fc.assert(
      fc.property(number, number, number, fc.boolean(), (a, b, c, signal) => {
        const results = [
          gateG2({ ...training, gradientNorm: a, gradientRatio: b, improvement: c }),
          gateG3({ alpha: a ?? 0, alphaTarget: b ?? 0 }),
          gateG5({
            ...holding,
            contribution: a,
            signal: signal ? { gradientNorm: b, deadUnitRatio: c } : null,
          }),
        ];
        for (const result of results) {
          expect(result.passed).toBe(result.checks.every((check) => check.passed));
          for (const check of result.checks) {
            if (check.value === null) expect(check.passed).toBe(false);
            else expect(Number.isFinite(check.value)).toBe(true);
          }
        }
        for (const check of results[0]?.checks ?? []) GateCheck.parse(check);
      }),
    );
  });
});
