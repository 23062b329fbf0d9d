import { describe, expect, test } from 'vitest';
import { exitCodeOfExperiment } from './exit-code.ts';
import type { ExperimentRun, NetworkKind } from './experiment-options.ts';
import { experimentTable, judgeExperiment } from './experiment-table.ts';

const FACTS = {
  name: 'demo',
  steps: 4000,
  firstSeed: 1,
  adapter: 'llvmpipe',
  seconds: 9,
  interrupted: false,
};

function run(seed: number, network: NetworkKind, testAccuracy: number | null): ExperimentRun {
  const isGrown = network === 'grown';
  return {
    type: 'experiment.run',
    seed,
    network,
    status: testAccuracy === null ? 'failed' : 'done',
    steps: 4000,
    trainAccuracy: 1,
    testAccuracy,
    parameters: isGrown ? 1796 : 22,
    seedsGerminated: isGrown ? 3 : 0,
    seedsFossilized: isGrown ? 2 : 0,
    digest: 'sha256:00',
    seconds: 4,
  };
}

const pair = (seed: number, host: number | null, grown: number | null) => [
  run(seed, 'host', host),
  run(seed, 'grown', grown),
];

const RUNS = [...pair(1, 0.6, 1), ...pair(2, 0.7, 0.98), ...pair(3, 0.81, 0.99)];
const ASKED = { seeds: 3, hostBelow: 0.8, grownAbove: 0.97, atLeast: 3 };

describe('judgeExperiment()', () => {
  test('counts each threshold and the seeds that meet both', () => {
    const result = judgeExperiment(RUNS, ASKED, FACTS);
    expect(result).toMatchObject({
      status: 'done',
      seeds: 3,
      grownBetter: 3,
      hostBelow: { threshold: 0.8, seeds: 2 },
      grownAbove: { threshold: 0.97, seeds: 3 },
      meetingAll: 2,
      met: false,
    });
    expect(result.grown.meanTestAccuracy).toBeCloseTo(0.99, 12);
    expect(result.grown.sdTestAccuracy).toBeCloseTo(0.01, 12);
    expect(exitCodeOfExperiment(result)).toBe(1);
    const lenient = judgeExperiment(RUNS, { ...ASKED, atLeast: 2 }, FACTS);
    expect(lenient.met).toBe(true);
    expect(exitCodeOfExperiment(lenient)).toBe(0);
  });

  test('a threshold is passed, not reached', () => {
    const { hostBelow, grownAbove } = judgeExperiment(pair(1, 0.8, 0.97), ASKED, FACTS);
    expect([hostBelow?.seeds, grownAbove?.seeds]).toEqual([0, 0]);
  });

  test('without thresholds there is no verdict', () => {
    const nothing = { seeds: 3, hostBelow: null, grownAbove: null, atLeast: null };
    const result = judgeExperiment(RUNS, nothing, FACTS);
    expect(result).toMatchObject({ meetingAll: null, met: null });
    expect(exitCodeOfExperiment(result)).toBe(0);
  });

  test('a failed run has no accuracy, meets nothing and fails the comparison', () => {
    const result = judgeExperiment(pair(1, null, 1), { ...ASKED, seeds: 1, atLeast: 1 }, FACTS);
    expect(result).toMatchObject({ status: 'failed', meetingAll: 0, grownBetter: 0, met: false });
    expect(result.host.meanTestAccuracy).toBeNull();
    expect(exitCodeOfExperiment(result)).toBe(1);
  });

  test('an interrupted comparison counts complete seeds only', () => {
    const runs = [...pair(1, 0.6, 1), run(2, 'host', 0.5)];
    const result = judgeExperiment(runs, ASKED, { ...FACTS, interrupted: true });
    expect(result).toMatchObject({ status: 'interrupted', seeds: 1, seedsWanted: 3 });
    expect(result.host.sdTestAccuracy).toBeNull();
    expect(exitCodeOfExperiment(result)).toBe(130);
    expect(experimentTable(runs, result)).toContain('interrupted after 1 of 3 seeds');
  });
});

test('experimentTable() prints both networks of every seed and the verdict', () => {
  expect(experimentTable(RUNS, judgeExperiment(RUNS, ASKED, FACTS))).toBe(
    [
      'demo: the starting host alone and grown, 4,000 steps each, on llvmpipe',
      '',
      'seed  host test  grown test  host params  grown params  germinated  fossilised',
      '   1     60.0 %     100.0 %           22         1,796           3           2',
      '   2     70.0 %      98.0 %           22         1,796           3           2',
      '   3     81.0 %      99.0 %           22         1,796           3           2',
      '',
      'host alone  70.3 % ± 10.5 % test accuracy (mean ± sd), 22 parameters',
      'grown       99.0 % ± 1.0 % test accuracy (mean ± sd), 1,796 parameters',
      'grown better than its host on 3 of 3 seeds',
      'host below 80.0 % on 2 of 3 seeds',
      'grown above 97.0 % on 3 of 3 seeds',
      'both on 2 of 3 seeds',
      'not met: 3 seeds needed, 2 found',
    ].join('\n'),
  );
});
