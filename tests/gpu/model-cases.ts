/**
 * Parity cases of whole little networks: the gradients that autodiff assembles, compared with the
 * reference and with central differences of the loss.
 */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { ACTIVATIONS } from '../../shared/engine/plan/ops-elementwise.ts';
import { type CaseBuilder, constant, type ParityCase, relative } from './parity-case.ts';

const GRADIENTS = relative(128);

/** Loss on the logits and the gradients of all parameters. */
function finish(b: CaseBuilder, logits: Tensor, loss: string): Record<string, Tensor> {
  const [batch, classes] = logits.shape as [number, number];
  const labels = b.labels(batch, classes);
  const [rows, dLogits] = b.graph.apply(loss, [logits, labels], {}, 'loss');
  const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
  differentiate(b.graph, new Map([[logits.id, dLogits!]]), wanted);
  return { rows: rows!, logits };
}

function dense(b: CaseBuilder, x: Tensor, name: string, units: number, bias = true): Tensor {
  const weight = b.weight(`${name}.weight`, [...x.shape.slice(1), units]);
  const inputs = [x, weight, ...(bias ? [b.bias(`${name}.bias`, units)] : [])];
  return b.graph.one('linear', inputs, {}, name);
}

function conv(b: CaseBuilder, x: Tensor, name: string, units: number, stride = 1): Tensor {
  const weight = b.weight(`${name}.weight`, [3, 3, x.shape[3]!, units]);
  const inputs = [x, weight, b.bias(`${name}.bias`, units)];
  return b.graph.one('conv2d', inputs, { stride, padding: 1 }, name);
}

const act = (b: CaseBuilder, x: Tensor, kind: string): Tensor =>
  b.graph.one('activation', [x], { kind }, `${x.name}.${kind}`);

/** Common to all: gradients are compared with the reference and with central differences. */
const model = (
  name: string,
  build: ParityCase['build'],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `model/${name}`,
  tolerance: GRADIENTS,
  buffers: ['gradients'],
  differences: true,
  build,
  ...more,
});

const mlps: ParityCase[] = ACTIVATIONS.flatMap((kind, i) =>
  ['softmax_cross_entropy', 'mse'].map((loss) =>
    model(
      `mlp-${kind}-${loss}`,
      (b) => {
        const h = act(b, dense(b, b.input('x', [7, 2]), 'fc1', 5), kind);
        const g = act(b, dense(b, h, 'fc2', 6, i % 2 === 0), kind);
        return finish(b, dense(b, g, 'fc3', 3), loss);
      },
      i === 1 ? { seeds: [1, 2, 3], twins: true } : {},
    ),
  ),
);

const cnn = model('cnn', (b) => {
  const x = b.input('x', [3, 6, 6, 2]);
  const c1 = act(b, conv(b, x, 'conv1', 5), 'relu');
  const p1 = b.graph.one('max_pool', [c1], { size: 2, stride: 2 }, 'pool1');
  const c2 = act(b, conv(b, p1, 'conv2', 3), 'tanh');
  const p2 = b.graph.one('avg_pool', [c2], { size: 2, stride: 1 }, 'pool2');
  return finish(b, dense(b, p2, 'fc', 3), 'softmax_cross_entropy');
});

const stridedCnn = model(
  'cnn-strided',
  (b) => {
    const x = b.input('x', [9, 5, 7, 1]);
    const c1 = act(b, conv(b, x, 'conv1', 4, 2), 'gelu');
    const c2 = act(b, conv(b, c1, 'conv2', 6), 'relu');
    const pooled = b.graph.one('global_avg_pool', [c2], {}, 'pooled');
    return finish(b, dense(b, pooled, 'fc', 4), 'softmax_cross_entropy');
  },
  { seeds: [3, 4] },
);

const flattened = model('cnn-flatten', (b) => {
  const c1 = act(b, conv(b, b.input('x', [2, 4, 4, 1]), 'conv1', 4), 'relu');
  const pooled = b.graph.one('max_pool', [c1], { size: 2, stride: 2 }, 'pool');
  const flat = b.graph.one('flatten', [pooled], {}, 'flat');
  return finish(b, dense(b, flat, 'fc', 3), 'mse');
});

/** A residual sum, a scale and dropout: a tensor with two readers has two gradients. */
const residual = model(
  'residual-dropout',
  (b) => {
    const control = b.control({ step: 6 });
    const h = act(b, dense(b, b.input('x', [6, 3]), 'fc1', 5), 'tanh');
    const branch = dense(b, act(b, dense(b, h, 'fc2', 4), 'tanh'), 'fc3', 5);
    const scaled = b.graph.one('scale', [branch], { factor: 0.5 }, 'scaled');
    const sum = b.graph.one('add', [h, scaled], {}, 'sum');
    const kept = b.graph.one('dropout', [sum, control], { rate: 0.4, stream: 3 }, 'kept');
    return finish(b, dense(b, kept, 'fc4', 3), 'softmax_cross_entropy');
  },
  { seeds: [1, 2] },
);

/** One weight in two layers: its gradients are added before they reach the arena. */
const shared: ParityCase[] = [false, true].map((bias) =>
  model(
    `shared-weight${bias ? '-bias' : ''}`,
    (b) => {
      const x = act(b, conv(b, b.input('x', [3, 4, 4, 1]), 'conv0', 5), 'tanh');
      const inputs = [b.weight('twice.weight', [3, 3, 5, 5])];
      if (bias) inputs.push(b.bias('twice.bias', 5));
      const attrs = { stride: 1, padding: 1 };
      const once = act(b, b.graph.one('conv2d', [x, ...inputs], attrs, 'once'), 'tanh');
      const twice = b.graph.one('conv2d', [once, ...inputs], attrs, 'twice');
      const pooled = b.graph.one('global_avg_pool', [twice], {}, 'pooled');
      return finish(b, dense(b, pooled, 'fc', 3), 'softmax_cross_entropy');
    },
    { seeds: [1, 2] },
  ),
);

/**
 * The same for Linear layers, for the reference alone: linear_grad_weight writes to the gradient
 * arena only, and its lowering refuses a gradient that is still to be added to another.
 */
export const sharedLinear: ParityCase = model('shared-weight-linear', (b) => {
  const h = act(b, dense(b, b.input('x', [6, 3]), 'fc1', 5), 'tanh');
  const inputs = [b.weight('twice.weight', [5, 5]), b.bias('twice.bias', 5)];
  const once = act(b, b.graph.one('linear', [h, ...inputs], {}, 'once'), 'tanh');
  const twice = b.graph.one('linear', [once, ...inputs], {}, 'twice');
  return finish(b, dense(b, twice, 'fc2', 3), 'softmax_cross_entropy');
});

/** The network of {@link seeded} without its seed. */
function bare(b: CaseBuilder): Record<string, Tensor> {
  const x = act(b, dense(b, b.input('x', [6, 2]), 'fc0', 6), 'tanh');
  const z = act(b, dense(b, x, 'host', 6), 'relu');
  return finish(b, dense(b, z, 'fc1', 3), 'softmax_cross_entropy');
}

/** A seed beside a hidden layer: reads the layer's input, joins its output before the activation. */
function seeded(b: CaseBuilder, mode: string, alpha: number, nan = false): Record<string, Tensor> {
  const control = b.control({ row: () => ({ alphas: [0.9, alpha] }) });
  const column = { alpha: 1 };
  const x = act(b, dense(b, b.input('x', [6, 2]), 'fc0', 6), 'tanh');
  const z = dense(b, x, 'host', 6);
  const view = b.graph.one('seed_input', [x, control], column, 'view');
  const hidden = act(b, dense(b, view, 'seed.1', 3), 'tanh');
  let s = dense(b, hidden, 'seed.2', 6);
  if (nan) s = b.graph.one('add', [s, b.input('nan', [6, 6], constant(Number.NaN))], {}, 'broken');
  const gate = mode === 'gate' ? [dense(b, view, 'seed.gate', 1)] : [];
  const y = b.graph.one('blend', [z, s, control, ...gate], { ...column, mode }, 'blended');
  return finish(b, dense(b, act(b, y, 'relu'), 'fc1', 3), 'softmax_cross_entropy');
}

const blends: ParityCase[] = ['add', 'replace', 'multiply', 'gate'].flatMap((mode) => [
  // At alpha 0 the guard cuts nothing that is not zero already: the differences agree there too.
  ...[0, 0.3, 1].map((alpha) =>
    model(`blend-${mode}-${alpha}`, (b) => seeded(b, mode, alpha), {
      ...(alpha === 0.3 ? { seeds: [1, 2, 3], twins: true } : {}),
      ...(alpha === 0 ? { host: bare } : {}),
    }),
  ),
]);

/**
 * A seed full of NaN at alpha 0: the host's gradients are finite and its own; the seed's weights
 * get the zeros that the cut gradient leaves. Nothing here may be NaN.
 */
const broken: ParityCase[] = ['add', 'replace', 'multiply', 'gate'].map((mode) =>
  model(`blend-${mode}-nan`, (b) => seeded(b, mode, 0, true), { host: bare, seeds: [1, 2] }),
);

/** A convolution beside a hidden convolution, its output map 1 x 1 as in the blueprints. */
const convSeeds: ParityCase[] = ([0, 0.6] as const).map((alpha) => {
  const network = (b: CaseBuilder, seed: boolean): Record<string, Tensor> => {
    const x = act(b, conv(b, b.input('x', [3, 4, 5, 1]), 'conv0', 4), 'relu');
    let z = conv(b, x, 'host', 6, 2);
    if (seed) {
      const control = b.control({ row: () => ({ alphas: [alpha] }) });
      const view = b.graph.one('seed_input', [x, control], { alpha: 0 }, 'view');
      const hidden = act(b, conv(b, view, 'seed.1', 3, 2), 'relu');
      const map = [b.weight('seed.2.weight', [1, 1, 3, 6]), b.bias('seed.2.bias', 6)];
      const s = b.graph.one('conv2d', [hidden, ...map], { stride: 1, padding: 0 }, 'seed.2');
      z = b.graph.one('blend', [z, s, control], { alpha: 0, mode: 'add' }, 'blended');
    }
    const pooled = b.graph.one('max_pool', [act(b, z, 'relu')], { size: 2, stride: 1 }, 'pool');
    return finish(b, dense(b, pooled, 'fc', 3), 'softmax_cross_entropy');
  };
  const bareConv = alpha === 0 ? { host: (b: CaseBuilder) => network(b, false) } : {};
  return model(`conv-seed-${alpha}`, (b) => network(b, true), { seeds: [1, 2], ...bareConv });
});

/** Gradients that are not those of the forward pass, by design: no central differences. */
const cut: ParityCase[] = [
  model(
    'straight-through',
    (b) => {
      const x = act(b, dense(b, b.input('x', [5, 2]), 'fc0', 4), 'tanh');
      const z = dense(b, x, 'host', 4);
      const s = dense(b, b.graph.one('detach', [x], {}, 'view'), 'seed', 4);
      const y = b.graph.one('straight_through', [z, s], {}, 'joined');
      return finish(b, dense(b, act(b, y, 'tanh'), 'fc1', 3), 'mse');
    },
    { differences: false },
  ),
  model(
    'shadow-loss',
    (b) => {
      const x = act(b, dense(b, b.input('x', [5, 2]), 'fc0', 4), 'tanh');
      const z = dense(b, x, 'host', 4);
      const outputs = finish(b, dense(b, act(b, z, 'tanh'), 'fc1', 3), 'softmax_cross_entropy');
      const s = dense(b, b.graph.one('detach', [x], {}, 'view'), 'seed', 4);
      const own = b.graph.one('add', [b.graph.one('detach', [z], {}, 'z_held'), s], {}, 'own');
      const tail = b.weight('fc1.weight', [4, 3]);
      const logits = b.graph.one('linear', [act(b, own, 'tanh'), tail], {}, 'shadow_logits');
      const labels = b.graph.tensors.find((t) => t.name === 'labels')!;
      const [rows, dLogits] = b.graph.apply('mse', [logits, labels], {}, 'shadow');
      const seed = b.graph.parameters.filter((p) => p.name.startsWith('seed'));
      const wanted = new Set(seed.map((p) => p.tensorId));
      differentiate(b.graph, new Map([[logits.id, dLogits!]]), wanted);
      return { ...outputs, shadow: rows! };
    },
    { differences: false },
  ),
];

export const modelCases: readonly ParityCase[] = [
  ...mlps,
  cnn,
  stridedCnn,
  flattened,
  residual,
  ...shared,
  ...blends,
  ...broken,
  ...convSeeds,
  ...cut,
];
