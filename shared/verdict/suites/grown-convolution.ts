/**
 * P3: a linear model grows what its data need. One slot, four blueprints; a probe trains each for a
 * while and keeps the best on validation rows. On the signals as they are a convolution is right; with
 * their positions shuffled a dense seed is, and the same rule has to find both.
 *
 * Every blueprint is a run of the trainer with all seeds of the suite as its replicas
 * (grown-convolution-run.ts), and goes to the end, so that the choice can be compared with what the
 * others would have given.
 *
 * Source: Greydanus & Kobak 2024, "Scaling down deep learning with MNIST-1D".
 */
import type { SuiteResult } from '../../contracts/verdict.ts';
import type { Dataset } from '../../data/dataset.ts';
import { replicaSeed } from '../../nn/initialise.ts';
import { LENGTH, signalsOf } from './frozen-signals.ts';
import {
  GROWN_STEPS,
  HOST_STEPS,
  PROBES,
  type Trained,
  trainBlueprint,
} from './grown-convolution-run.ts';
import { SIGNAL_BLUEPRINTS, type SignalBlueprint } from './signal-blueprints.ts';
import {
  interruptedResult,
  meanOf,
  type Suite,
  type SuiteOptions,
  type SuiteTable,
} from './suite.ts';
import { SuiteStore } from './suite-store.ts';

const CLASSES = 10;
/** The probe that the rule looks at. */
const RULE = 200;
const SEEDS = 20;
const NAMES = Object.keys(SIGNAL_BLUEPRINTS) as SignalBlueprint[];
/** About how long a blueprint's run takes, relative to the others: for the time left alone. */
const LENGTHS: Readonly<Record<SignalBlueprint, number>> = {
  ...{ conv: 20, dense: 6, norm: 1, bottleneck: 1 },
};
const ALL = NAMES.reduce((sum, name) => sum + LENGTHS[name], 0);

interface TaskResult {
  host: number[];
  blueprints: Record<SignalBlueprint, Trained>;
}

async function trainTask(
  options: SuiteOptions,
  store: SuiteStore,
  task: TaskName,
  dataset: Dataset,
  seeds: readonly number[],
): Promise<TaskResult | null> {
  const blueprints: Partial<Record<SignalBlueprint, Trained>> = {};
  const tasks = Object.keys(PUBLISHED);
  let done = tasks.indexOf(task) * ALL;
  for (const blueprint of NAMES) {
    const run = { key: `${task}-${blueprint}`, blueprint, dataset, seeds };
    const [before, length] = [done, LENGTHS[blueprint]];
    const report = (share: number) =>
      options.onProgress((before + share * length) / (tasks.length * ALL), `${task}, ${blueprint}`);
    const trained = await trainBlueprint(options, store, run, report);
    if (!trained) return null;
    blueprints[blueprint] = trained;
    done += length;
  }
  const found = blueprints as TaskResult['blueprints'];
  return { host: found.conv.host, blueprints: found };
}

/** Best blueprint of a seed at a probe length; the first in order where several are equal. */
function chosen({ blueprints }: TaskResult, probe: number, seed: number): SignalBlueprint {
  return NAMES.reduce((best, name) =>
    blueprints[name].probes[probe]![seed]! > blueprints[best].probes[probe]![seed]! ? name : best,
  );
}

const percent = (share: number) => (share * 100).toFixed(1);

function regretOf(task: TaskResult, pick: (seed: number) => number): number {
  const seeds = task.host.map((_, s) => s);
  const best = (s: number) => Math.max(...NAMES.map((n) => task.blueprints[n].test[s]!));
  return meanOf(seeds.map((s) => best(s) - pick(s)));
}

/** MNIST-1D test accuracy: the source's notebook (6,000 steps), and this project's pilot. */
const PUBLISHED = {
  original: { host: '31.5', conv: '92.3', dense: '65.1' },
  shuffled: { host: '–', conv: '58.7', dense: '66.0' },
} as const;
const PILOT = {
  original: { host: '31.6', conv: '91.7 / 92.5', dense: '63.2 / 65.8' },
  shuffled: { host: '–', conv: '57.3 / 57.4', dense: '62.8 / 62.9' },
} as const;

type TaskName = keyof typeof PUBLISHED;

function accuracyTable(name: TaskName, task: TaskResult): SuiteTable {
  const published = PUBLISHED[name] as Partial<Record<string, string>>;
  const pilot = PILOT[name] as Partial<Record<string, string>>;
  const row = (
    ...[label, key, test, parameters, stage]: [string, string, number[], number, string]
  ) => [
    label,
    String(parameters),
    percent(meanOf(test)),
    `${percent(Math.min(...test))} to ${percent(Math.max(...test))}`,
    published[key] ?? '–',
    pilot[key] ?? '–',
    stage,
  ];
  return {
    title: `Test accuracy, %, ${name} positions`,
    head: ['network', 'parameters', 'mean', 'range', 'published', 'pilot', 'seed ends'],
    rows: [
      row(`linear host, ${HOST_STEPS} steps`, 'host', task.host, (LENGTH + 1) * CLASSES, '–'),
      ...NAMES.map((n) =>
        row(
          `+ ${n}, ${GROWN_STEPS} more`,
          n,
          task.blueprints[n].test,
          task.blueprints[n].parameters,
          task.blueprints[n].stage,
        ),
      ),
    ],
  };
}

function choiceTable(tasks: Readonly<Record<TaskName, TaskResult>>): SuiteTable {
  const rows = (Object.keys(tasks) as TaskName[]).flatMap((name) =>
    PROBES.map((length, probe) => {
      const task = tasks[name];
      const picks = task.host.map((_, s) => chosen(task, probe, s));
      const gap =
        meanOf(task.blueprints.conv.probes[probe]!) - meanOf(task.blueprints.dense.probes[probe]!);
      return [
        `${name}, ${length} steps`,
        ...NAMES.map((n) => String(picks.filter((p) => p === n).length)),
        percent(gap),
        percent(regretOf(task, (s) => task.blueprints[picks[s]!].test[s]!)),
      ];
    }),
  );
  return {
    title:
      'Chosen by a probe, seeds; conv minus dense on validation rows; regret on test rows, points',
    head: ['probe', ...NAMES, 'conv - dense', 'regret'],
    rows,
  };
}

async function run(options: SuiteOptions): Promise<SuiteResult> {
  const { bench, seeds: wanted } = options;
  const { backend, clock, shaderDigest } = bench;
  const began = clock.now();
  const signals = await signalsOf(options);
  const count = wanted ?? SEEDS;
  const store = await SuiteStore.open(options.store, {
    ...{ name: 'p3', seeds: count, data: signals.original.source },
    ...{ adapter: backend.adapter.name, shaders: shaderDigest },
  });
  const found = {
    name: 'p3',
    title: `P3: a linear model grows its own convolution, ${count} seeds`,
    notes: [
      signals.note,
      'Published: 6,000 steps on all 4,000 rows, ReLU. Pilot: 2,000 steps, two runs. Here: GELU, one',
      `slot on the linear host; a seed learns behind it for 50 steps and is at full weight 100 after birth.`,
    ],
  };
  const seeds = Array.from({ length: count }, (_, r) => replicaSeed(1, r));
  const original = await trainTask(options, store, 'original', signals.original, seeds);
  const permuted =
    original && (await trainTask(options, store, 'shuffled', signals.shuffled, seeds));
  const seconds = (clock.now() - began) / 1000;
  if (!permuted) return interruptedResult(options, { ...found, seconds });
  const tasks = { original, shuffled: permuted };
  const probe = PROBES.indexOf(RULE);
  const right = (task: TaskResult, name: SignalBlueprint) =>
    seeds.filter((_, s) => chosen(task, probe, s) === name).length;
  const needed = Math.ceil(0.9 * count);
  const { conv } = original.blueprints;
  const both = Object.values(tasks);
  const regret = (pick: (task: TaskResult, s: number) => number) =>
    meanOf(both.map((task) => regretOf(task, (s) => pick(task, s))));
  const byProbe = regret((task, s) => task.blueprints[chosen(task, probe, s)].test[s]!);
  const byChance = regret((task, s) => meanOf(NAMES.map((n) => task.blueprints[n].test[s]!)));
  const fixed = NAMES.map((n) => [n, regret((task, s) => task.blueprints[n].test[s]!)] as const);
  const [bestFixed, byBestFixed] = fixed.reduce((a, b) => (b[1] < a[1] ? b : a));
  return {
    type: 'suite.finished',
    ...found,
    status: 'done',
    adapter: backend.adapter.name,
    tables: [
      accuracyTable('original', original),
      accuracyTable('shuffled', permuted),
      choiceTable(tasks),
      {
        title: 'Mean regret over both tasks, points',
        head: ['rule', 'regret'],
        rows: [
          [`probe of ${RULE} steps`, percent(byProbe)],
          ['random blueprint', percent(byChance)],
          ...fixed.map(([n, r]) => [`always ${n}`, percent(r)]),
        ],
      },
    ],
    bars: [
      {
        text: `convolution chosen on at least ${needed} of ${count} seeds, original: ${right(original, 'conv')}`,
        met: right(original, 'conv') >= needed,
      },
      {
        text: `dense chosen on at least ${needed} of ${count} seeds, shuffled: ${right(permuted, 'dense')}`,
        met: right(permuted, 'dense') >= needed,
      },
      {
        text: `at least 90 % with at most 6,000 parameters, original: ${percent(meanOf(conv.test))} % with ${conv.parameters}`,
        met: meanOf(conv.test) >= 0.9 && conv.parameters <= 6000,
      },
      {
        text: `regret ${percent(byProbe)} below random (${percent(byChance)}) and the best fixed choice (${bestFixed}, ${percent(byBestFixed)})`,
        met: byProbe < byChance && byProbe < byBestFixed,
      },
    ],
    seconds,
  };
}

export const grownConvolution: Suite = {
  name: 'p3',
  summary: 'a linear model grows its own convolution, or a dense seed on shuffled positions',
  run,
};
