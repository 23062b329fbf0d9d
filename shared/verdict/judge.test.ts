import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Experiment } from '../contracts/experiment.ts';
import {
  type ArmName,
  ArmRun,
  type Protocol,
  VerdictFile,
  VerdictReport,
} from '../contracts/verdict.ts';
import { areaOverCompute } from './area.ts';
import { compareOutcome, judge } from './judge.ts';
import { fewestSeeds, parseVerdictFile, protocolOf, recordOf } from './protocol.ts';
import { reportHtml } from './report-html.ts';
import { reportText } from './report-text.ts';

const experiment = Experiment.parse({ name: 'demo', data: { source: 'moons' }, steps: 100 });

function protocol(arms: readonly ArmName[], more: Partial<Protocol> = {}): Protocol {
  const file = VerdictFile.parse({ name: 'demo', experiment: 'moons', arms, seeds: 10 });
  return { ...protocolOf(file, experiment), ...more };
}

function run(
  arm: ArmName,
  seed: number,
  accuracy: number | null,
  more: Partial<ArmRun> = {},
): ArmRun {
  return ArmRun.parse({
    arm,
    seed,
    status: accuracy === null ? 'failed' : 'done',
    problems: [],
    accuracy,
    parameters: 10,
    steps: 100,
    germinated: arm === 'growth' ? 1 : 0,
    fossilized: arm === 'growth' ? 1 : 0,
    culled: 0,
    flops: { training: 1e6, decisions: arm === 'growth' ? 2e5 : 0 },
    curve: [
      { step: 0, flops: 0, accuracy: 0.5 },
      { step: 100, flops: 1e6, accuracy },
    ],
    history: { seeds: [], actions: [], germinateRate: 0, cullRate: 0 },
    widths: null,
    digest: 'sha256:0123456789abcdef',
    seconds: 1,
    ...more,
  });
}

/** Ten seeds an arm: the given mean and a little spread that differs by arm. */
const tenOf = (arm: ArmName, mean: number) =>
  Array.from({ length: 10 }, (_, i) =>
    run(arm, i + 1, mean + 0.001 * ((i * (arm.length + 1)) % 5)),
  );

const SMALL = ['static-small'] as const;
const FAIR = ['static-small', 'static-equal-compute'] as const;

describe('the decision rule', () => {
  test.each([
    ['paid', 0.95, 0.7, 0.95],
    ['paid', 0.95, 0.7, 0.8],
    ['hurt', 0.95, 0.7, 0.99],
    ['hurt', 0.7, 0.95, 0.7],
    ['no-difference', 0.95, 0.95, 0.95],
  ])('%s: growth %d, small %d, equal compute %d', (outcome, growth, small, fair) => {
    const runs = [
      ...tenOf('growth', growth),
      ...tenOf('static-small', small),
      ...tenOf('static-equal-compute', fair),
    ];
    expect(judge(protocol(FAIR), runs).verdict.outcome).toBe(outcome);
  });

  test('a difference that changes sides is undecided, and the sentence says what could be found', () => {
    const small = Array.from({ length: 10 }, (_, i) =>
      run('static-small', i + 1, i % 2 ? 0.95 : 0.85),
    );
    const { verdict } = judge(protocol(SMALL), [...tenOf('growth', 0.9), ...small]);
    expect(verdict.outcome).toBe('undecided');
    expect(verdict.sentence).toMatch(/^Undecided: .*where \d+\.\d\d pp could have been found\.$/);
  });

  test('nothing kept on any seed is said to be no growth', () => {
    const grown = tenOf('growth', 0.9).map((r) => ({ ...r, fossilized: 0 }));
    const { problems, verdict } = judge(protocol(SMALL), [...grown, ...tenOf('static-small', 0.9)]);
    expect(verdict.outcome).toBe('did-not-grow');
    expect(problems).toHaveLength(10);
  });

  test('what is real but smaller than the margin is no difference', () => {
    const outcome = { alpha: 0.05, mean: 0.002, pAdjusted: 0.001, pEquivalence: 0.001 };
    expect(compareOutcome(outcome)).toBe('equivalent');
    expect(compareOutcome({ ...outcome, pEquivalence: 0.2 })).toBe('better');
    expect(compareOutcome({ ...outcome, pEquivalence: 0.2, mean: -1 })).toBe('worse');
    expect(compareOutcome({ ...outcome, pEquivalence: 0.2, pAdjusted: 0.2 })).toBe('undecided');
  });

  test('a failed run leaves its pair out and is told', () => {
    const small = tenOf('static-small', 0.7);
    small[3] = run('static-small', 4, null, { problems: ['step 7: loss is not finite'] });
    const { comparisons, problems } = judge(protocol(SMALL), [...tenOf('growth', 0.95), ...small]);
    expect(comparisons[0]!.seeds).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10]);
    expect(problems).toEqual([
      'static-small, seed 4: the run failed',
      'static-small, seed 4: step 7: loss is not finite',
      'static-small: compared on 9 of 10 seeds',
    ]);
  });

  test('the order of the runs does not matter', () => {
    const runs = [...tenOf('growth', 0.9), ...tenOf('static-small', 0.8)];
    const straight = judge(protocol(SMALL), runs);
    expect(judge(protocol(SMALL), runs.toReversed())).toEqual(straight);
  });

  test('a null is rarely taken for an effect', () => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 10, maxLength: 10 }),
        (d) => {
          const grown = d.map((v, i) => run('growth', i + 1, 0.5 + v / 400));
          const small = d.map((_, i) => run('static-small', i + 1, 0.5));
          const { outcome } = judge(protocol(SMALL), [...grown, ...small]).verdict;
          if (outcome !== 'undecided') found++;
          expect(['undecided', 'paid', 'hurt', 'no-difference']).toContain(outcome);
        },
      ),
      { numRuns: 60, seed: 5 },
    );
    expect(found / 60).toBeLessThan(0.12);
  });
});

describe('areaOverCompute()', () => {
  const curve = [
    { step: 0, flops: 0, accuracy: 0 },
    { step: 1, flops: 10, accuracy: 1 },
    { step: 2, flops: 20, accuracy: 1 },
  ];

  test.each([
    [10, 0.5],
    [20, 0.75],
    // Spent less than the budget: keeps what it has.
    [40, 0.875],
    // Only what lies within the budget counts.
    [5, 0.25],
  ])('up to %d it is %d', (budget, area) => {
    expect(areaOverCompute(curve, budget)).toBeCloseTo(area, 12);
  });

  test('lies between the smallest and the largest accuracy', () => {
    const point = fc.record({
      flops: fc.integer({ min: 0, max: 50 }),
      accuracy: fc.integer({ min: 0, max: 8 }),
    });
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 80 }),
        (p, b) => {
          const points = [{ flops: 0, accuracy: 4 }, ...p].map((q, step) => ({ step, ...q }));
          const area = areaOverCompute(points, b)!;
          expect(area).toBeGreaterThanOrEqual(Math.min(...points.map((q) => q.accuracy)) - 1e-9);
          expect(area).toBeLessThanOrEqual(Math.max(...points.map((q) => q.accuracy)) + 1e-9);
        },
      ),
    );
  });

  test('is unmeasured where an accuracy is', () => {
    expect(areaOverCompute([curve[0]!, { ...curve[1]!, accuracy: null }], 10)).toBeNull();
    expect(areaOverCompute([], 10)).toBeNull();
  });

  test('as the metric it charges a late rise', () => {
    const early = tenOf('growth', 0.9).map((r) => ({
      ...r,
      curve: [...r.curve, { step: 50, flops: 2e5, accuracy: 0.9 }],
    }));
    const { arms } = judge(protocol(SMALL, { metric: 'area' }), [
      ...early,
      ...tenOf('static-small', 0.9),
    ]);
    expect(arms[0]!.metric[0]!).toBeGreaterThan(arms[1]!.metric[0]! + 0.05);
  });
});

describe('the protocol', () => {
  const facts = { data: 'moons sha256:1', adapter: 'x', shaders: 's', code: 'c' };

  test('a faulty file lists every fault with its place', () => {
    const text = '{\n  "name": "a b",\n  "experiment": "moons",\n  "seed": 4,\n  "margin": 0\n}';
    expect(() => parseVerdictFile(text, 'v.json')).toThrow(
      /v\.json:2:3: "name": letters.*\n.*v\.json:5:3: "margin": too small.*\n.*v\.json:4:3: unknown key "seed", did you mean "seeds"\?/,
    );
    expect(() => parseVerdictFile('{', 'v.json')).toThrow('Cannot read v.json:1:');
  });

  test('too few seeds are refused before any is trained', () => {
    const file = VerdictFile.parse({ name: 'a', experiment: 'moons', seeds: 6 });
    expect(() => protocolOf(file, experiment)).toThrow('use at least 8 seeds');
    expect(protocolOf({ ...file, arms: ['static-small'] }, experiment).arms).toEqual([
      'growth',
      'static-small',
    ]);
    expect([fewestSeeds(1, 0.05), fewestSeeds(6, 0.05)]).toEqual([6, 8]);
  });

  test.each([
    [{ growth: { enabled: false } }, '"growth.enabled" is false'],
    [{ policy: { kind: 'manual' } }, '"policy.kind" is "manual"'],
  ])('an experiment that cannot grow is refused: %j', (more, message) => {
    const still = Experiment.parse({ name: 'x', data: { source: 'xor' }, ...more });
    const file = VerdictFile.parse({ name: 'a', experiment: 'moons' });
    expect(() => protocolOf(file, still)).toThrow(message);
  });

  test('growth alone has nothing to be compared with', () => {
    const file = VerdictFile.parse({ name: 'a', experiment: 'moons', arms: ['growth'] });
    expect(() => protocolOf(file, experiment)).toThrow('without a control');
  });

  test('the hash covers rules and code, not where the data lie', async () => {
    const csv = (train: string) =>
      Experiment.parse({ name: 'x', data: { source: 'csv', train, label: 'y' } });
    const base = protocol(SMALL);
    const hash = async (p: Protocol, f = facts) => (await recordOf(p, f)).hash;
    const first = await hash({ ...base, experiment: csv('a.csv') });
    expect(await hash({ ...base, experiment: csv('/home/me/a.csv') })).toBe(first);
    const record = await recordOf({ ...base, experiment: csv('/home/me/a.csv') }, facts);
    expect(JSON.stringify(record)).not.toContain('/home/me');
    expect(await hash({ ...base, experiment: csv('a.csv'), margin: 0.02 })).not.toBe(first);
    expect(await hash({ ...base, experiment: csv('a.csv') }, { ...facts, code: 'd' })).not.toBe(
      first,
    );
  });
});

describe('the report', () => {
  async function reportOf(name = 'demo'): Promise<VerdictReport> {
    const p = protocol(FAIR, { experiment: { ...experiment, name: 'demo', description: name } });
    const runs = [
      ...tenOf('growth', 0.95),
      ...tenOf('static-small', 0.7),
      run('static-equal-compute', 1, null, { problems: ['exploded'] }),
    ];
    return VerdictReport.parse({
      type: 'verdict.finished',
      version: 1,
      status: 'done',
      protocol: await recordOf(p, { data: 'd', adapter: 'a', shaders: 's', code: null }),
      ...judge(p, runs, new Map([['static-equal-compute', 'no widths']])),
      seconds: 1,
    });
  }

  test('one file: no script, no address, everything escaped', async () => {
    const html = reportHtml(await reportOf('<script>alert(1)</script>'));
    expect(html).not.toMatch(/<script|https?:|src=|@import|url\(/);
    expect(html).toContain('&#60;script&#62;');
    expect(html.match(/<svg/g)).toHaveLength(3);
    expect(html).toContain('prefers-color-scheme:dark');
    expect(reportHtml(await reportOf(), { theme: 'dark' })).toContain('color-scheme:dark;');
  });

  test('what failed stands beside what did not', async () => {
    const report = await reportOf();
    for (const text of [reportHtml(report), reportText(report)]) {
      expect(text).toContain('static-equal-compute, seed 1: exploded');
      expect(text).toContain('static-equal-compute: no widths');
      expect(text).toContain('It grew and it paid: +25');
    }
  });

  test('survives a trip through JSON', async () => {
    const report = await reportOf();
    expect(VerdictReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });
});
