/**
 * P3: a linear model grows what its data need. One slot, four blueprints; a probe trains each for a
 * while and keeps the best on validation rows. On the signals as they are a convolution is right; with
 * their positions shuffled a dense seed is, and the same rule has to find both.
 *
 * All seeds are replicas of one dispatch for each blueprint, and every blueprint is trained to the
 * end, so that the choice can be compared with what the others would have given. Seeds start with a
 * last layer of zeros and full weight: the network computes the same before and after.
 *
 * Source: Greydanus & Kobak 2024, "Scaling down deep learning with MNIST-1D".
 */
import type { OptimizerSpec } from '../../contracts/experiment.ts';
import type { SuiteResult } from '../../contracts/verdict.ts';
import type { DataPart } from '../../data/dataset.ts';
import { differentiate } from '../../engine/plan/autodiff.ts';
import type { Graph, Tensor } from '../../engine/plan/graph.ts';
import { batchOf } from '../../kasmina/growing-network.ts';
import { replicaSeed } from '../../nn/initialise.ts';
import { activation, conv1d, linear } from '../../nn/layers.ts';
import { layerNorm } from '../../nn/norm-layers.ts';
import { type DeviceData, freeData, uploadData } from '../../tolaria/device-data.ts';
import { LENGTH, type Parts, partsOf, shuffled } from './frozen-signals.ts';
import { ReplicaNet } from './replica-net.ts';
import { meanOf, type Suite, type SuiteOptions, type SuiteTable } from './suite.ts';

const CLASSES = 10;
const BATCH = 100;
const HOST_STEPS = 500;
const GROWN_STEPS = 2000;
/** Steps after germination at which the probe may decide; the middle one is the rule's. */
const PROBES = [100, 200, 500] as const;
const RULE = 200;
const SEEDS = 20;
const ADAM: OptimizerSpec = {
  kind: 'adam',
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
};
const BORN = { group: 1 } as const;
const ZERO = { ...BORN, init: 'zeros' } as const;

type Blueprint = 'conv' | 'dense' | 'norm' | 'bottleneck';

/** Each adds the seed's output to the host's logits; x [B, 40, 1], z [B, 10]. */
const BLUEPRINTS: Readonly<Record<Blueprint, (graph: Graph, x: Tensor, z: Tensor) => Tensor>> = {
  conv(graph, x) {
    const window = { stride: 2, padding: 1 };
    let h = activation(graph, conv1d(graph, x, 'seed.conv1', 25, 5, window, BORN), 'relu');
    h = activation(graph, conv1d(graph, h, 'seed.conv2', 25, 3, window, BORN), 'relu');
    h = activation(graph, conv1d(graph, h, 'seed.conv3', 25, 3, window, BORN), 'relu');
    return linear(graph, h, 'seed.out', CLASSES, ZERO);
  },
  dense(graph, x) {
    let h = activation(graph, linear(graph, x, 'seed.hidden1', 100, BORN), 'relu');
    h = activation(graph, linear(graph, h, 'seed.hidden2', 100, BORN), 'relu');
    return linear(graph, h, 'seed.out', CLASSES, ZERO);
  },
  norm: (graph, _x, z) => layerNorm(graph, z, 'seed.norm', { ...BORN, init: 'zeros' }),
  bottleneck(graph, x) {
    const h = activation(graph, linear(graph, x, 'seed.down', 8, BORN), 'relu');
    return linear(graph, h, 'seed.out', CLASSES, ZERO);
  },
};
const NAMES = Object.keys(BLUEPRINTS) as Blueprint[];

function logitsOf(graph: Graph, x: Tensor, blueprint: Blueprint | null): Tensor {
  const z = linear(graph, x, 'host', CLASSES);
  return blueprint === null ? z : graph.one('add', [z, BLUEPRINTS[blueprint](graph, x, z)]);
}

interface Trained {
  parameters: number;
  /** Validation accuracy by probe length, by seed. */
  probes: number[][];
  /** Test accuracy at the end, by seed. */
  test: number[];
}

interface TaskResult {
  host: number[];
  blueprints: Record<Blueprint, Trained>;
}

async function trainTask(
  { backend, stop }: SuiteOptions,
  parts: Parts,
  seeds: readonly number[],
  onProgress: (share: number, label: string) => void,
): Promise<TaskResult> {
  const input = [LENGTH, 1];
  const upload = (name: string, part: DataPart) => uploadData(backend, name, part, input);
  const data = {
    train: upload('train', parts.train),
    validation: upload('validation', parts.validation),
    test: upload('test', parts.test),
  };
  const open = (blueprint: Blueprint | null, from?: ReplicaNet) =>
    ReplicaNet.create(
      {
        ...{ backend, seeds, optimizer: ADAM, born: blueprint ? [0, HOST_STEPS] : [0] },
        externals: { dataset_x: data.train.x, dataset_y: data.train.y },
        build: (graph, control) => buildStep(graph, control, data.train, blueprint),
      },
      from,
    );
  const accuracy = (net: ReplicaNet, part: DeviceData, blueprint: Blueprint | null) =>
    net.accuracy(part, input, (graph, x) => logitsOf(graph, x, blueprint));
  onProgress(0, 'linear host');
  const host = await open(null);
  await host.train(0, HOST_STEPS, stop);
  const result = { host: await accuracy(host, data.test, null) } as TaskResult;
  const trained: Partial<Record<Blueprint, Trained>> = {};
  for (const [i, blueprint] of NAMES.entries()) {
    const net = await open(blueprint, host);
    const probes: number[][] = [];
    let step = HOST_STEPS;
    for (const length of [...PROBES, GROWN_STEPS]) {
      await net.train(step, HOST_STEPS + length, stop, (now) =>
        onProgress(0.1 + (0.9 * (i + (now - HOST_STEPS) / GROWN_STEPS)) / NAMES.length, blueprint),
      );
      step = HOST_STEPS + length;
      if (length !== GROWN_STEPS) probes.push(await accuracy(net, data.validation, blueprint));
    }
    const count = net.arena.parameters.reduce((n, p) => n + p.shape.reduce((a, b) => a * b, 1), 0);
    trained[blueprint] = {
      probes,
      parameters: count,
      test: await accuracy(net, data.test, blueprint),
    };
    net.dispose();
  }
  host.dispose();
  for (const part of Object.values(data)) freeData(backend, part);
  result.blueprints = trained as Record<Blueprint, Trained>;
  return result;
}

function buildStep(graph: Graph, control: Tensor, data: DeviceData, blueprint: Blueprint | null) {
  const { labels, x } = batchOf(graph, control, [LENGTH, 1], {
    ...{ size: data.size, batch: BATCH, mode: 'shuffle' },
  });
  const logits = logitsOf(graph, x, blueprint);
  const [rowStats, dLogits] = graph.apply('softmax_cross_entropy', [logits, labels], {}, 'loss');
  const wanted = new Set(graph.parameters.map((p) => p.tensorId));
  differentiate(graph, new Map([[logits.id, dLogits!]]), wanted);
  return { rowStats: rowStats! };
}

/** Best blueprint of a seed at a probe length; the first in order where several are equal. */
function chosen({ blueprints }: TaskResult, probe: number, seed: number): Blueprint {
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
  const row = (label: string, key: string, test: readonly number[], parameters: number) => [
    label,
    String(parameters),
    percent(meanOf(test)),
    `${percent(Math.min(...test))} to ${percent(Math.max(...test))}`,
    published[key] ?? '–',
    pilot[key] ?? '–',
  ];
  return {
    title: `Test accuracy, %, ${name} positions`,
    head: ['network', 'parameters', 'mean', 'range', 'published', 'pilot'],
    rows: [
      row(`linear host, ${HOST_STEPS} steps`, 'host', task.host, (LENGTH + 1) * CLASSES),
      ...NAMES.map((n) =>
        row(
          `+ ${n}, ${GROWN_STEPS} more`,
          n,
          task.blueprints[n].test,
          task.blueprints[n].parameters,
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
  const { backend, clock, onProgress, stop } = options;
  const began = clock.now();
  const parts = await partsOf(options);
  const count = options.seeds ?? SEEDS;
  const seeds = Array.from({ length: count }, (_, r) => replicaSeed(1, r));
  const original = await trainTask(options, parts, seeds, (share, label) =>
    onProgress(share / 2, `original, ${label}`),
  );
  const mixed = {
    ...parts,
    train: shuffled(parts.train),
    validation: shuffled(parts.validation),
    test: shuffled(parts.test),
  };
  const permuted = await trainTask(options, mixed, seeds, (share, label) =>
    onProgress(0.5 + share / 2, `shuffled, ${label}`),
  );
  const tasks = { original, shuffled: permuted };
  const probe = PROBES.indexOf(RULE);
  const right = (task: TaskResult, name: Blueprint) =>
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
    name: 'p3',
    title: `P3: a linear model grows its own convolution, ${count} seeds`,
    status: stop.aborted ? 'interrupted' : 'done',
    adapter: backend.adapter.name,
    notes: [parts.note, 'Published: 6,000 steps on all 4,000 rows. Pilot: 2,000 steps, two runs.'],
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
    seconds: (clock.now() - began) / 1000,
  };
}

export const grownConvolution: Suite = {
  name: 'p3',
  summary: 'a linear model grows its own convolution, or a dense seed on shuffled positions',
  run,
};
