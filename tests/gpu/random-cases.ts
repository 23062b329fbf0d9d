/**
 * Property tests over shapes: every op in small networks whose sizes are drawn from a fixed seed. Each
 * must agree with the float64 reference, leave its padding zero, give the same bits twice, and give
 * each of three replicas the bits of a run of its seed alone; and its gradients must be the central
 * differences of its loss.
 */
import { RandomStream } from '../../shared/base/random.ts';
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { ACTIVATIONS, BLEND_MODES } from '../../shared/engine/plan/ops-elementwise.ts';
import { numel } from '../../shared/engine/plan/shape.ts';
import { conv1d, reshape } from '../../shared/nn/layers.ts';
import { crossEntropy, targetsOf } from '../../shared/nn/losses.ts';
import { batchNorm, groupNorm, layerNorm } from '../../shared/nn/norm-layers.ts';
import {
  attention,
  embedding,
  positions,
  positionwiseLinear,
} from '../../shared/nn/sequence-layers.ts';
import { alphaControl } from './elementwise-cases.ts';
import { fill } from './norm-cases.ts';
import { OPTIMIZERS, optimizer, rowStatistics, schedule } from './optimizer-cases.ts';
import { type CaseBuilder, integers, type ParityCase, relative } from './parity-case.ts';

/** Sizes of one case. */
class Sizes {
  #random: RandomStream;

  constructor(name: string) {
    this.#random = new RandomStream(20, `shapes/${name}`);
  }

  /** A whole number from `from` to `to`. */
  between(from: number, to: number): number {
    return from + this.#random.integer(to - from + 1);
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.#random.integer(choices.length)]!;
  }
}

type Outputs = Record<string, Tensor>;
type Family = (b: CaseBuilder, s: Sizes) => Outputs;

/** A drawn layer's weight, bias and output. */
function dense(b: CaseBuilder, x: Tensor, name: string, units: number, bias = true): Tensor {
  const weight = b.weight(`${name}.weight`, [...x.shape.slice(1), units]);
  const inputs = [x, weight, ...(bias ? [b.bias(`${name}.bias`, units)] : [])];
  return b.graph.one('linear', inputs, {}, name);
}

const activate = (b: CaseBuilder, x: Tensor, kind: string) =>
  b.graph.one('activation', [x], { kind }, `${kind}_${x.name}`);

/** A smooth loss over everything, and the gradients of all parameters. */
function finish(b: CaseBuilder, x: Tensor, s: Sizes): Outputs {
  const classes = s.between(1, 6);
  const logits = dense(b, x, 'head', classes);
  fill(b);
  const loss = s.one(['mse', 'softmax_cross_entropy']);
  const [rows, d] = b.graph.apply(loss, [logits, b.labels(x.shape[0]!, classes)], {}, 'loss');
  const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
  differentiate(b.graph, new Map([[logits.id, d!]]), wanted);
  return { rows: rows!, logits };
}

/** Activations without a corner, so that differences are gradients wherever they are taken. */
const SMOOTH = ['tanh', 'sigmoid', 'gelu', 'silu'];

const networks: Record<string, Family> = {
  linear(b, s) {
    let x = b.input('x', [s.between(1, 9), s.between(1, 9)]);
    for (const name of ['fc1', 'fc2']) {
      x = activate(b, dense(b, x, name, s.between(1, 9), s.one([true, false])), s.one(SMOOTH));
    }
    return finish(b, x, s);
  },
  /** Sums that the plan cuts into parts: over features forward and units backward, or over the batch. */
  'long-sums'(b, s) {
    const long = s.one([true, false]);
    const rows = long ? s.between(1024, 1300) : s.between(1, 3);
    let x = b.input('x', [rows, s.between(1, 3)]);
    x = activate(b, dense(b, x, 'fc', 4, s.one([true, false])), s.one(SMOOTH));
    // Weights that are given: a parameter for every product would take long to differentiate.
    for (const [name, units] of [
      ['wide', long ? 4 : 4 * s.between(256, 400)],
      ['narrow', s.between(1, 6)],
    ] as const) {
      const features = x.shape[1]!;
      const weight = b.input(`${name}.given`, [features, units]);
      const y = b.graph.one('linear', [x, weight], {}, name);
      const scaled = b.graph.one('scale', [y], { factor: features ** -0.5 }, `${name}.scaled`);
      x = activate(b, scaled, s.one(SMOOTH));
    }
    return finish(b, x, s);
  },
  conv2d(b, s) {
    const channels = () => s.between(1, 6);
    let x = b.input('x', [s.between(1, 3), s.between(4, 7), s.between(4, 7), channels()]);
    for (const name of ['conv1', 'conv2']) {
      const [, h, w, c] = x.shape as [number, number, number, number];
      const groups = s.one([1, 1, c, ...[2, 3].filter((g) => c % g === 0)]);
      const outputs = groups * s.between(1, groups > 1 ? 2 : 6);
      const kernel = [s.between(1, Math.min(3, h)), s.between(1, Math.min(3, w))];
      const padding = s.between(0, 2);
      const dilation = s.one([1, 1, 2]);
      const reach = (k: number) => dilation * (k - 1) + 1 - 2 * padding;
      const fits = reach(kernel[0]!) <= h && reach(kernel[1]!) <= w;
      const attrs = {
        ...{ stride: s.between(1, 2), padding },
        ...(fits && dilation > 1 ? { dilation } : {}),
        ...(groups > 1 ? { groups } : {}),
      };
      const weight = b.weight(
        `${name}.weight`,
        [...kernel, c / groups, outputs],
        0,
        groups > 1 ? 1 : 2,
      );
      x = b.graph.one('conv2d', [x, weight, b.bias(`${name}.bias`, outputs)], attrs, name);
      x = activate(b, x, s.one(SMOOTH));
    }
    return finish(b, x, s);
  },
  conv1d(b, s) {
    let x = b.input('x', [s.between(1, 3), s.between(3, 9), s.between(1, 6)]);
    for (const name of ['one', 'two']) {
      const channels = x.shape[2]!;
      const groups = s.one([1, channels]);
      const window = { stride: s.between(1, 2), padding: s.between(1, 2), dilation: 1, groups };
      const outputs = groups * s.between(1, groups > 1 ? 2 : 5);
      x = conv1d(b.graph, x, name, outputs, s.between(1, 3), window, {
        bias: s.one([true, false]),
      });
      fill(b);
      x = activate(b, x, s.one(SMOOTH));
    }
    return finish(b, x, s);
  },
  pool(b, s) {
    const shape = [s.between(1, 3), s.between(3, 7), s.between(3, 7), s.between(1, 6)];
    const weight = b.weight('c.weight', [1, 1, shape[3]!, s.between(1, 6)]);
    const z = b.graph.one('conv2d', [b.input('x', shape), weight], { stride: 1, padding: 0 }, 'c');
    const attrs = { size: s.between(1, 3), stride: s.between(1, 3) };
    const pooled = (op: string) => b.graph.one(op, [z], attrs, op);
    const both = b.graph.one('concat', [pooled('max_pool'), pooled('avg_pool')], { axis: 3 });
    return finish(b, b.graph.one('global_avg_pool', [both]), s);
  },
  'layer-norm'(b, s) {
    const x = dense(b, b.input('x', [s.between(1, 9), 3]), 'fc', s.between(2, 9));
    return finish(b, activate(b, layerNorm(b.graph, x, 'norm'), 'tanh'), s);
  },
  'group-norm'(b, s) {
    const groups = s.between(1, 4);
    const channels = groups * s.between(1, 5);
    const x = b.input('x', [s.between(1, 4), s.between(2, 4), s.between(1, 4), 2]);
    const weight = b.weight('c.weight', [1, 1, 2, channels]);
    const z = b.graph.one('conv2d', [x, weight], { stride: 1, padding: 0 }, 'c');
    return finish(b, groupNorm(b.graph, z, 'norm', groups), s);
  },
  'batch-norm'(b, s) {
    const x = dense(b, b.input('x', [s.between(2, 9), 3]), 'fc1', s.between(1, 9));
    // A small spread makes 1 / deviation large, and differences coarse.
    const y = batchNorm(b.graph, x, 'norm', { mode: 'train', epsilon: 0.1 });
    const z = dense(b, activate(b, y, 'tanh'), 'fc2', s.between(1, 5));
    return finish(b, batchNorm(b.graph, z, 'frozen', { mode: 'evaluate' }), s);
  },
  moves(b, s) {
    const { graph } = b;
    const [batch, t, c] = [s.between(1, 3), s.between(2, 5), s.between(1, 6)];
    const x = reshape(graph, dense(b, b.input('x', [batch, 3]), 'fc', t * c), [t, c]);
    const turned = graph.one('transpose', [x], {}, 'turned');
    const back = graph.one('transpose', [turned], {}, 'back');
    const axis = s.between(1, 2);
    const joined = graph.one('concat', [x, graph.one('scale', [back], { factor: 0.5 })], { axis });
    const start = s.between(0, joined.shape[axis]! - 1);
    const length = s.between(1, joined.shape[axis]! - start);
    const cut = graph.one('slice', [joined], { axis, start, length }, 'cut');
    const room = { axis, start: s.between(0, 3), length: length + s.between(3, 5) };
    const padded = graph.one('pad_axis', [cut], room, 'padded');
    const flat = reshape(graph, padded, [numel(padded.shape.slice(1))]);
    return finish(b, graph.one('add', [flat, activate(b, flat, 'gelu')]), s);
  },
  gates(b, s) {
    const { graph } = b;
    const [h, w, c] = [s.between(1, 4), s.between(1, 4), s.between(1, 6)];
    const x = b.input('x', [s.between(1, 4), h, w, 2]);
    const weight = b.weight('c.weight', [1, 1, 2, c]);
    const z = graph.one('conv2d', [x, weight], { stride: 1, padding: 0 }, 'c');
    const mean = graph.one('sum_positions', [z], { factor: 1 / (h * w) }, 'mean');
    const gate = activate(b, dense(b, mean, 'gate', c), 'sigmoid');
    const excited = graph.one('mul', [z, s.one([gate, reshape(graph, gate, [1, 1, c])])], {});
    return finish(b, graph.one('mul', [excited, z], {}, 'squared'), s);
  },
  sequence(b, s) {
    const [batch, t, heads, vocabulary] = [s.between(1, 3), s.between(1, 5), s.between(1, 2), 5];
    const c = 4 * heads * s.between(1, 2);
    const tokens = b.input('tokens', [batch, t], integers(vocabulary));
    let x = embedding(b.graph, tokens, 'wte', vocabulary, c);
    x = positions(b.graph, x, 'wpe', t + s.between(0, 2));
    x = attention(b.graph, x, 'attention', { heads, causal: s.one([true, false]) });
    return finish(b, b.graph.one('softmax', [x], {}, 'shares'), s);
  },
  /** The loss of every position of a sequence: its target is the token after it. */
  'next-tokens'(b, s) {
    const [batch, t, vocabulary, c] = [s.between(1, 3), s.between(1, 6), s.between(2, 9), 8];
    const tokens = b.input('tokens', [batch, t], integers(vocabulary));
    const x = positions(b.graph, embedding(b.graph, tokens, 'wte', vocabulary, c), 'wpe');
    const mixed = attention(b.graph, x, 'attention', { heads: s.between(1, 2), causal: true });
    const logits = positionwiseLinear(b.graph, mixed, 'head', vocabulary);
    fill(b);
    const targets = targetsOf(b.graph, logits, tokens, b.labels(batch, vocabulary));
    const { rows, gradient } = crossEntropy(b.graph, logits, targets);
    const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
    differentiate(b.graph, new Map([[logits.id, gradient]]), wanted);
    return { rows, logits };
  },
};

/** A seed beside a layer in each mode, its view of the input guarded. */
function blended(mode: string): Family {
  return (b, s) => {
    const { graph } = b;
    const units = s.between(1, 9);
    const control = alphaControl(b, s.one([0.2, 0.7]), true);
    const x = activate(
      b,
      dense(b, b.input('x', [s.between(1, 9), 3]), 'fc', s.between(1, 6)),
      'tanh',
    );
    const view = graph.one('seed_input', [x, control], { alpha: 1 }, 'view');
    const [z, seed] = [dense(b, x, 'host', units), dense(b, view, 'seed', units)];
    const gate = mode === 'gate' ? [dense(b, view, 'gate', 1)] : [];
    return finish(b, graph.one('blend', [z, seed, control, ...gate], { mode, alpha: 1 }, 'y'), s);
  };
}
for (const mode of BLEND_MODES) networks[`blend-${mode}`] = blended(mode);

/** What has corners, or no gradient, or is no part of a network. */
const others: Record<string, Family> = {
  activations(b, s) {
    const shape = [s.between(1, 9), s.between(1, 9), s.between(1, 9)];
    const [x, dy] = [b.input('x', shape), b.input('dy', shape)];
    const both = ACTIVATIONS.flatMap((kind) => [
      [kind, activate(b, x, kind)] as const,
      [`d_${kind}`, b.graph.one('activation_grad', [dy, x], { kind })] as const,
    ]);
    return Object.fromEntries(both);
  },
  'max-pool'(b, s) {
    const shape = [s.between(1, 3), s.between(3, 7), s.between(3, 7), s.between(1, 6)];
    const attrs = { size: s.between(1, 3), stride: s.between(1, 3) };
    const x = b.input('x', shape, integers(3));
    const y = b.graph.one('max_pool', [x], attrs, 'y');
    const dx = b.graph.one('max_pool_grad', [b.input('dy', y.shape), x, y], attrs, 'dx');
    return { y, dx };
  },
  'fused-relu'(b, s) {
    let x = b.input('x', [s.between(1, 3), s.between(3, 6), s.between(3, 6), s.between(1, 5)]);
    for (const name of ['conv1', 'conv2']) {
      const [c, o] = [x.shape[3]!, s.between(1, 6)];
      const inputs = [x, b.weight(`${name}.weight`, [3, 3, c, o]), b.bias(`${name}.bias`, o)];
      x = activate(b, b.graph.one('conv2d', inputs, { stride: 1, padding: 1 }, name), 'relu');
    }
    const pooled = b.graph.one('max_pool', [x], { size: 2, stride: 1 }, 'pooled');
    return finish(b, activate(b, dense(b, pooled, 'fc', s.between(1, 9)), 'leaky_relu'), s);
  },
  fused(b, s) {
    const [batch, classes] = [s.between(1, 9), s.between(1, 9)];
    const logits = dense(b, b.input('x', [batch, s.between(1, 9)]), 'fc', classes);
    const inputs = [logits, b.labels(batch, classes)];
    const [rows, d] = b.graph.apply('softmax_cross_entropy', inputs, {}, 'loss');
    b.graph.apply('metrics_reduce', [rows!, b.control(), b.metrics()]);
    return { rows: rows!, d: d! };
  },
  statistics(b, s) {
    const y = b.input('y', [s.between(1, 70), s.between(1, 9)]);
    const g = b.input('some_gradients', [64 * s.between(1, 5)]);
    const vectors = g.shape[0]! / 4;
    const first = s.between(0, vectors - 1);
    const segments = b.words('segments', [2, 2], [0, vectors, first, vectors - first]);
    const partials = s.between(1, 9);
    const partial = b.graph.one('gradient_norm_partial', [g], { partials }, 'partial');
    return {
      activations: b.graph.one('activation_stats', [y]),
      gradients: b.graph.one('gradient_stats', [g, segments], { segments: 2 }),
      norm: b.graph.one('gradient_norm', [partial, b.input('rows', [5, 4], rowStatistics)], {
        clipNorm: s.one([0, 0.5]),
      }),
      repeated: b.graph.one(
        'repeat_positions',
        [
          b.graph.one('sum_positions', [b.input('p', [2, 3, 5])], { factor: 0.5 }, 'sum'),
          b.graph.tensors.find((t) => t.name === 'p')!,
        ],
        { factor: 2 },
      ),
    };
  },
};

/** A whole step: batch, part of it, dropout, two losses, gradients, optimizer, metrics. */
function step(op: string): Family {
  return (b, s) => {
    const o = s.one(OPTIMIZERS.filter((one) => one.op === op));
    const row = (step: number, seed: number) => schedule(o, step, seed);
    const control = b.control({ step: s.between(0, 40), row });
    const [rows, batch, features, classes] = [11, 2 * s.between(1, 5), s.between(1, 9), 3];
    const partRows = s.between(4, rows - 1);
    const data = b.shared('dataset_x', [partRows, features]);
    const rest = b.shared('dataset_x.1', [rows - partRows, features]);
    const labels = Array.from({ length: rows }, (_, i) => (i * 7) % classes);
    const gather = { batch, mode: s.one(['shuffle', 'sequential']), size: rows, stream: 5 };
    const inputs = [data, b.words('dataset_y', [rows], labels), control];
    const [x, y] = b.graph.apply('gather_batch', inputs, { ...gather, part: true }, 'batch') as [
      Tensor,
      Tensor,
    ];
    b.graph.apply('gather_part', [x, rest, control], { ...gather, first: partRows });
    const part = (t: Tensor, k: number) =>
      b.graph.one('batch_rows', [t], { start: (k * batch) / 2, length: batch / 2 });
    const half = b.graph.one('dropout', [part(x, 1), control], { rate: 0.3, stream: 9 }, 'half');
    const logits = dense(b, half, 'fc', classes);
    const group = b.bias('fc.second', 5, 1);
    const losses = ['softmax_cross_entropy', 'mse'].flatMap((op) =>
      b.graph.apply(op, [logits, part(y, 1)], {}, op),
    );
    const [stats, d] = b.graph.apply('mix_losses', losses, { a: 0.5, b: 2 }) as [Tensor, Tensor];
    const wanted = new Set(
      b.graph.parameters.map((p) => p.tensorId).filter((id) => id !== group.id),
    );
    differentiate(b.graph, new Map([[logits.id, d]]), wanted);
    optimizer(b, o, stats, control, b.metrics(), true);
    return { joined: b.graph.one('join_batches', [part(x, 1), part(x, 0)]), stats };
  };
}
for (const op of ['adam_update', 'sgd_update']) others[op] = step(op);

const cases = (families: Record<string, Family>, draws: number, more: Partial<ParityCase>) =>
  Object.entries(families).flatMap(([family, build]) =>
    Array.from({ length: draws }, (_, i): ParityCase => {
      const name = `${family}/${i}`;
      return {
        name: `random/${name}`,
        ...{ tolerance: relative(128), seeds: [1, 2, 3], twins: true },
        ...more,
        build: (b) => build(b, new Sizes(name)),
      };
    }),
  );

/** Networks that end in a loss. */
export const randomNetworks = cases(networks, 3, { buffers: ['gradients'] });

export const randomCases: readonly ParityCase[] = [...randomNetworks, ...cases(others, 3, {})];

/** One draw of each family, of one replica: for renderers that take long to compile. */
export const fewRandomCases: readonly ParityCase[] = randomCases
  .filter(({ name }) => name.endsWith('/0'))
  .map((c) => ({ ...c, seeds: [1], twins: false }));
