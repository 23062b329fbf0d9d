import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Experiment, type ExperimentInput } from '../contracts/experiment.ts';
import { type ArmRun, type Protocol, VerdictFile } from '../contracts/verdict.ts';
import { makePlan } from '../engine/plan/plan.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { layersOf } from '../kasmina/_test-topology.ts';
import { addOptimizer, trainingGraph } from '../kasmina/growing-network.ts';
import { MemoryBlobStorage } from '../platform/memory.ts';
import { provideAll, tickingClock, tinyDataset, tinyExperiment } from '../tolaria/_test-run.ts';
import type { Workbench } from '../workbench/open-run.ts';
import { planFlops } from './flops.ts';
import { protocolOf } from './protocol.ts';
import { runVerdict, type VerdictOptions } from './run-verdict.ts';
import { ofEqualCompute, ofEqualSize, stepFlops } from './static-size.ts';
import { trainArm } from './train-arm.ts';

const bench = (): Workbench => ({
  backend: createReferenceBackend(),
  artifacts: provideAll,
  services: null,
  clock: tickingClock(),
  files: { read: () => Promise.reject(new Error('no files here')) },
  shaderDigest: 'none',
});

/** Everything as small as it can be for a finding: seconds on the reference. */
const TINY: ExperimentInput = {
  name: 'tiny',
  steps: 160,
  batchSize: 24,
  intervalSteps: 10,
  evaluateEverySteps: 40,
  data: { source: 'circles', samples: 100, noise: 0.03 },
  host: { kind: 'mlp', hidden: [], activation: 'tanh' },
  optimizer: { kind: 'adam', learningRate: 0.05 },
  growth: {
    ...{ blueprints: ['residual-mlp-8'], trainingSteps: 20, alphaSteps: 20, holdingSteps: 10 },
    ...{ maxSeeds: 1, alphaCurve: 'linear' },
  },
  policy: { kind: 'heuristic', settings: { warmupSteps: 10, targetAccuracy: 1 } },
};

function protocol(input: ExperimentInput = TINY, file: Partial<VerdictFile> = {}): Protocol {
  const defaults = { name: 'tiny', experiment: 'inline', data: 'shared', seeds: 6, margin: 0.05 };
  const verdict = VerdictFile.parse({ ...defaults, arms: ['static-small'], ...file });
  return protocolOf(verdict, Experiment.parse(input));
}

function options(more: Partial<VerdictOptions> = {}): VerdictOptions {
  const one = bench();
  return {
    protocol: protocol(),
    bench: async () => one,
    renew: async () => {},
    store: new MemoryBlobStorage(),
    code: null,
    stop: new AbortController().signal,
    ...more,
  };
}

describe('runVerdict()', () => {
  test('finds a planted effect: a host that lacks a nonlinearity', async () => {
    const { comparisons, verdict } = await runVerdict(options());
    expect(verdict.sentence).toMatch(/^It grew and it paid/);
    expect(comparisons[0]!.differences.every((d) => d > 0.1)).toBe(true);
  });

  test('does not find one that is not there: blobs that a line separates', async () => {
    const data = { source: 'blobs', samples: 300, classes: 2, spread: 0.6 } as const;
    const { verdict } = await runVerdict(options({ protocol: protocol({ ...TINY, data }) }));
    expect(verdict.outcome).toBe('no-difference');
  });

  test('stopped and gone on with, it gives the same report, and no run twice', async () => {
    const p = protocol(
      { ...TINY, steps: 60 },
      {
        seeds: 8,
        arms: ['static-small', 'static-equal-compute', 'random', 'uniform', 'replay'],
        alpha: 0.1,
      },
    );
    const whole = await runVerdict(options({ protocol: p }));
    const store = new MemoryBlobStorage();
    const made: string[] = [];
    for (const stopAfter of [3, 9, 1000]) {
      const stop = new AbortController();
      const report = await runVerdict(
        options({
          protocol: p,
          store,
          stop: stop.signal,
          onRun: (run) => {
            made.push(`${run.arm} ${run.seed}`);
            if (made.length === stopAfter) stop.abort();
          },
        }),
      );
      expect(report.status).toBe(stopAfter < 1000 ? 'interrupted' : 'done');
      if (stopAfter < 1000) continue;
      const timeless = ({ seconds: _s, ...run }: ArmRun) => run;
      expect(report.arms.map((a) => a.runs.map(timeless))).toEqual(
        whole.arms.map((a) => a.runs.map(timeless)),
      );
      expect(report.verdict).toEqual(whole.verdict);
    }
    expect(new Set(made).size).toBe(made.length);
    const runs = whole.arms.flatMap((a) => a.runs);
    expect(made).toHaveLength(runs.length);
    // Every arm but those of seeds on which nothing grew.
    expect(runs.length).toBeGreaterThanOrEqual(3 * 8 + 3);
  });

  test('a changed protocol is refused in a folder that was begun', async () => {
    const store = new MemoryBlobStorage();
    const stopped = AbortSignal.abort();
    await runVerdict(options({ store, stop: stopped }));
    const other = { ...protocol(), margin: 0.1, seeds: 7 };
    await expect(runVerdict(options({ store, stop: stopped, protocol: other }))).rejects.toThrow(
      /begun under another protocol \("seeds" was 6 and is 7; "margin" was 0.05 and is 0.1\)/,
    );
    await expect(runVerdict(options({ store, stop: stopped, code: 'new' }))).rejects.toThrow(
      '"code"',
    );
  });
});

describe('trainArm()', () => {
  const dataset = tinyDataset([3], 2, 20);
  const experiment = tinyExperiment({ steps: 25, growth: { enabled: false } });
  const job = { arm: 'static-small', dataset, experiment, widths: null } as const;
  const hooks = { onStep: () => {}, stop: new AbortController().signal };

  test('seeds trained together are the seeds trained alone', async () => {
    const together = (await trainArm(bench(), { ...job, seeds: [4, 9, 5] }, hooks))!;
    for (const [i, seed] of [4, 9, 5].entries()) {
      const [alone] = (await trainArm(bench(), { ...job, seeds: [seed] }, hooks))!;
      expect(together[i]).toMatchObject({ seed, accuracy: alone!.accuracy, curve: alone!.curve });
    }
  });

  test('training is charged by the plan, looks at the test rows are not', async () => {
    const [run] = (await trainArm(bench(), { ...job, seeds: [1] }, hooks))!;
    expect(run!.flops.training).toBe(25 * stepFlops(experiment, dataset));
    const often = { ...experiment, evaluateEverySteps: 5 };
    const [seen] = (await trainArm(bench(), { ...job, experiment: often, seeds: [1] }, hooks))!;
    expect(seen!.flops).toEqual(run!.flops);
    expect(seen!.curve.map((p) => p.step)).toEqual([0, 5, 10, 15, 20, 25]);
  });
});

describe('meteredBackend()', () => {
  test('timings are not charged, decisions are', async () => {
    const growing = Experiment.parse({ ...TINY, steps: 80 });
    const run = async (clock: Workbench['clock']) => {
      const dataset = tinyDataset([3], 2, 20);
      const job = {
        arm: 'growth',
        seeds: [3],
        experiment: growing,
        dataset,
        widths: null,
      } as const;
      const hooks = { onStep: () => {}, stop: new AbortController().signal };
      return (await trainArm({ ...bench(), clock }, job, hooks))![0]!;
    };
    const [quick, slow] = [await run(tickingClock()), await run(tickingClock(50))];
    expect(quick.flops.decisions).toBeGreaterThan(0);
    expect(slow.flops).toEqual(quick.flops);
    expect(slow.digest).toBe(quick.digest);
  });
});

describe('planFlops()', () => {
  test('a linear model, counted by hand', () => {
    const experiment = tinyExperiment({ host: { kind: 'mlp', hidden: [] } });
    const dataset = tinyDataset([5], 3, 20);
    const graph = trainingGraph(
      {
        layers: layersOf({ kind: 'mlp', hidden: [] }, [5], 3),
        input: [5],
        seeds: [],
        incubation: 'shadow',
        reach: 'layer',
      },
      { size: 20, batch: 7, mode: 'shuffle' },
      'cross-entropy',
    );
    addOptimizer(graph, { ...experiment.optimizer }, []);
    const plan = makePlan('train', graph.graph, 4);
    // Forward and weight gradient: 2 * 7 * 5 * 3 each; bias 7 * 3; 14 for each of 18 parameters.
    const least = 2 * 210 + 21 + 14 * 18;
    expect(planFlops(plan)).toBeGreaterThanOrEqual(least);
    // The rest: batch, loss and its gradient, a few operations a row.
    expect(planFlops(plan) - least).toBeLessThan(7 * 30);
    expect(dataset.features).toBe(5);
  });

  test('products grow with the batch, the optimizer does not', () => {
    const dataset = tinyDataset([6], 3, 64);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 }), (b, w) => {
        const of = (batchSize: number) =>
          stepFlops(tinyExperiment({ batchSize, host: { kind: 'mlp', hidden: [w] } }), dataset);
        const perRow = (of(3 * b) - of(b)) / (2 * b);
        const fixed = of(b) - b * perRow;
        const parameters = 7 * w + 3 * (w + 1);
        expect(fixed).toBeGreaterThanOrEqual(14 * parameters);
        expect(perRow).toBeGreaterThanOrEqual(4 * 6 * w + 6 * 3 * w);
      }),
      { numRuns: 20 },
    );
  });

  test('a convolution sums its window for every output value', () => {
    const host: ExperimentInput['host'] = {
      kind: 'cnn',
      channels: [5],
      pool: 'global',
      kernelSize: 3,
    };
    const flops = stepFlops(tinyExperiment({ host, batchSize: 2 }), tinyDataset([6, 7, 2], 3, 20));
    const forward = 2 * 2 * 6 * 7 * 5 * 9 * 2;
    expect(flops).toBeGreaterThan(2 * forward);
    expect(flops).toBeLessThan(3 * forward);
  });
});

describe('static controls', () => {
  const dataset = tinyDataset([6], 3, 20);

  test.each([[[4]], [[3, 6]], [[]]])('hidden %j is scaled to the nearest size', (hidden) => {
    const experiment = tinyExperiment({ host: { kind: 'mlp', hidden } });
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 3000 }), (target) => {
        const sized = ofEqualSize(experiment, dataset, target)!;
        expect(sized.experiment.growth.enabled).toBe(false);
        const wider = ofEqualSize(experiment, dataset, target + 40)!;
        expect(wider.parameters).toBeGreaterThanOrEqual(sized.parameters);
        // One more unit a layer is the step there is.
        const step = sized.widths.reduce((n, w) => n + w + 12, 12);
        expect(Math.abs(sized.parameters - target)).toBeLessThanOrEqual(Math.max(40, 2 * step));
      }),
      { numRuns: 25 },
    );
  });

  test('equal compute changes the number of steps, warm-up stays as long', () => {
    const schedule = { kind: 'cosine', warmupSteps: 7 } as const;
    const experiment = tinyExperiment({ steps: 100, schedule });
    const sized = ofEqualSize(experiment, dataset, 300)!;
    const budget = 40.3 * stepFlops(sized.experiment, dataset);
    const { experiment: equal } = ofEqualCompute(sized, dataset, budget);
    expect(equal.steps).toBe(40);
    expect(equal.schedule).toEqual(experiment.schedule);
    expect(ofEqualCompute(sized, dataset, 0).experiment.steps).toBe(1);
  });
});
