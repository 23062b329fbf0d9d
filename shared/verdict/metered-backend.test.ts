/** What a verdict charges: everything a decision rests on, and what led to nothing. */
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../contracts/events.ts';
import { Experiment, type ExperimentInput } from '../contracts/experiment.ts';
import type { Backend } from '../engine/plan/backend.ts';
import type { Plan } from '../engine/plan/plan.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import { tickingClock, tinyDataset, tinyExperiment } from '../tolaria/_test-run.ts';
import { testBench } from '../workbench/_test-bench.ts';
import { openRun } from '../workbench/open-run.ts';
import { planFlops } from './flops.ts';
import { meteredBackend } from './metered-backend.ts';
import { stepFlops } from './static-size.ts';
import { trainArm } from './train-arm.ts';

const settings = { warmupSteps: 10, targetAccuracy: 1, plateauPatience: 1, plateauImprovement: 1 };
const hooks = { onStep: () => {}, stop: new AbortController().signal };
const dataset = tinyDataset([3], 2, 20);

/** What ran, plan by plan: how many times, and rows of a batch over all replicas. */
interface Ran {
  plan: Plan;
  times: number;
  rows: number;
}

function rowsOf(plan: Plan): number {
  const gather = plan.dispatches.find((d) => d.op === 'gather_batch');
  return (gather?.outputs[0]?.shape[0] ?? 0) * plan.replicas;
}

/** A backend that writes down what runs on it, below the one that charges. */
function watched(): { backend: Backend; ran: Ran[] } {
  const ran: Ran[] = [];
  const inner = createReferenceBackend();
  const backend = new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key !== 'run') return typeof value === 'function' ? value.bind(target) : value;
      return (...[executable, times]: Parameters<Backend['run']>) => {
        ran.push({ plan: executable.plan, times, rows: times * rowsOf(executable.plan) });
        return target.run(executable, times);
      };
    },
  });
  return { backend, ran };
}

/** Trains a growing run on a metered backend and lists what it ran and logged. */
async function charged(input: ExperimentInput) {
  const { backend: below, ran } = watched();
  const { backend, meter } = meteredBackend(below);
  const events: RunEvent[] = [];
  const run = await openRun(
    { ...testBench(), backend, clock: tickingClock() },
    {
      ...{ runId: 'a', experiment: Experiment.parse(input), dataset, storage: null, resume: false },
      onEvent: (event) => events.push(event),
    },
  );
  await run.trainer.train(run.trainer.experiment.steps);
  await run.close();
  const rows = (...names: string[]) =>
    ran.filter((r) => names.includes(r.plan.name)).reduce((n, r) => n + r.rows, 0);
  const flops = (...names: string[]) =>
    ran
      .filter((r) => names.includes(r.plan.name))
      .reduce((n, r) => n + r.times * r.plan.replicas * planFlops(r.plan), 0);
  const costs = events.flatMap((e) => (e.type === 'policy-cost' ? [e] : []));
  return { meter, ran, rows, flops, costs };
}

const base: ExperimentInput = {
  ...{ name: 'charged', steps: 60, batchSize: 6, intervalSteps: 5, evaluateEverySteps: 20 },
  data: { source: 'moons' },
  host: { kind: 'mlp', hidden: [4], activation: 'tanh' },
  growth: {
    ...{ blueprints: ['widen-3', 'low-rank-2'], maxSeeds: 1, reach: 'span' },
    ...{ trainingSteps: 5, alphaSteps: 5, holdingSteps: 5 },
  },
};

describe('policy-cost', () => {
  test.each<[ExperimentInput['policy'], string[]]>([
    [{ kind: 'gradmax', rows: 16, settings }, ['statistics']],
    [{ kind: 'tiny', rows: 16, sites: 2, settings }, ['statistics', 'candidates']],
    [
      { kind: 'probe', candidates: 3, firstSteps: 2, everyLooks: 1, settings },
      ['trial', 'trial-evaluate'],
    ],
  ])('what %j measured is what ran, and is charged', async (policy, plans) => {
    const run = await charged({ ...base, policy });
    expect(run.costs.length).toBeGreaterThan(0);
    // Every row that the log counts went through one of the criterion's plans, and no other row did.
    const forward = run.costs.reduce((n, c) => n + c.forwardRows, 0);
    expect(forward).toBe(run.rows(...plans));
    expect(run.flops(...plans)).toBeGreaterThan(0);
    // All of it is in the figure that the verdict charges, with health, validation and landscapes.
    const observer = ['train', 'evaluate-test', 'evaluate-train'];
    const others = [...new Set(run.ran.map((r) => r.plan.name))].filter(
      (name) => !observer.includes(name) && !name.startsWith('latency'),
    );
    expect(others).toEqual(expect.arrayContaining([...plans, 'health', 'evaluate-validation']));
    expect(run.meter.decisions).toBe(run.flops(...others));
    expect(run.meter.training).toBe(run.flops('train'));
  });

  test('a criterion costs more than a rule that measures nothing', async () => {
    const arm = async (policy: ExperimentInput['policy']) => {
      const experiment = Experiment.parse({ ...base, policy });
      const job = { arm: 'growth', seeds: [3], experiment, dataset, widths: null } as const;
      return (await trainArm(testBench(), job, hooks))![0]!.flops.decisions;
    };
    const heuristic = await arm({ kind: 'heuristic', settings });
    expect(await arm({ kind: 'gradmax', settings })).toBeGreaterThan(heuristic);
    const few = await arm({ kind: 'probe', candidates: 2, firstSteps: 2, everyLooks: 1, settings });
    const long = await arm({
      kind: 'probe',
      candidates: 2,
      firstSteps: 9,
      everyLooks: 1,
      settings,
    });
    expect(few).toBeGreaterThan(heuristic);
    expect(long).toBeGreaterThan(few);
  });
});

test('a seed that was culled is charged, though the network is the host again', async () => {
  const arm = async (more: Partial<ExperimentInput>) => {
    const experiment = Experiment.parse({ ...base, ...more });
    const job = { arm: 'growth', seeds: [3], experiment, dataset, widths: null } as const;
    return (await trainArm(testBench(), job, hooks))![0]!;
  };
  const host = await arm({ policy: { kind: 'none' } });
  const culled = await arm({
    policy: {
      kind: 'schedule',
      live: 'schedule',
      schedule: [
        { step: 10, layer: 'fc2', blueprint: 'widen-3' },
        { step: 40, layer: 'fc2', action: 'cull' },
      ],
    },
  });
  expect(culled).toMatchObject({ germinated: 1, culled: 1, fossilized: 0 });
  expect(culled.parameters).toBe(host.parameters);
  const step = stepFlops(tinyExperiment({ ...base, policy: { kind: 'none' } }), dataset);
  expect(host.flops.training).toBe(60 * step);
  // Placed at 15, out from 40 on: 25 steps with a second pass and the seed's own.
  const extra = culled.flops.training - host.flops.training;
  expect(extra / 25).toBeGreaterThan(0.5 * step);
  expect(extra % 25).toBe(0);
});
