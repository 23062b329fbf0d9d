/** Parity cases of embeddings, softmax and attention: lengths on both sides of a vec4. */
import { differentiate } from '../../shared/engine/plan/autodiff.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { crossEntropy, targetsOf } from '../../shared/nn/losses.ts';
import { layerNorm } from '../../shared/nn/norm-layers.ts';
import {
  attention,
  concat,
  embedding,
  meanPositions,
  positions,
  positionwiseLinear,
} from '../../shared/nn/sequence-layers.ts';
import {
  type CaseBuilder,
  constant,
  EXACT,
  integers,
  type ParityCase,
  relative,
} from './parity-case.ts';

const FUNCTIONS = relative(64);
const SUMS = relative(16);
const GRADIENTS = relative(128);

/** Parameters that a layer made: scales around one, the rest around zero. */
function fill(b: CaseBuilder): void {
  for (const { name, tensorId } of b.graph.parameters) {
    const base = b.graph.tensor(tensorId).shape.length === 1 && name.endsWith('weight') ? 1 : 0;
    if (!b.fills.has(name)) b.fills.set(name, (random) => base + 0.4 * random.normal());
  }
}

function backward(b: CaseBuilder, y: Tensor, dy: Tensor): void {
  const wanted = new Set(b.graph.parameters.map((p) => p.tensorId));
  differentiate(b.graph, new Map([[y.id, dy]]), wanted);
}

/** Batch, length, vocabulary, channels. */
const TABLES: readonly (readonly [number, number, number, number])[] = [
  [1, 1, 1, 1],
  [3, 5, 7, 4],
  [4, 16, 3, 5],
  [9, 7, 130, 6],
  [2, 4, 64, 9],
];

const embeddings: ParityCase[] = TABLES.flatMap(([batch, length, vocabulary, channels], i) =>
  ['words', 'floats'].map((kind) => ({
    name: `embedding/${batch}x${length}-of-${vocabulary}x${channels}/${kind}`,
    tolerance: SUMS,
    buffers: ['gradients'],
    ...(i % 2 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const list = Array.from({ length: batch * length }, (_, k) => (k * 11 + 5) % vocabulary);
      const tokens =
        kind === 'words'
          ? b.words('tokens', [batch, length], list)
          : b.input('tokens', [batch, length], integers(vocabulary));
      const y = embedding(b.graph, tokens, 'table', vocabulary, channels);
      fill(b);
      backward(b, y, b.input('dy', y.shape));
      return { y };
    },
  })),
);

/** Tokens outside the table are seen in the result and add nothing to the gradient. */
const strangers: ParityCase[] = ['words', 'floats'].map((kind) => ({
  name: `embedding/no-token/${kind}`,
  tolerance: SUMS,
  buffers: ['gradients'],
  build: (b) => {
    const tokens =
      kind === 'words'
        ? b.words('tokens', [1, 5], [0, 3, 0xffff_ffff, 2, 7])
        : b.input('tokens', [1, 5], (_random, i) => [0, -1, 1e9, Number.NaN, 3][i]!);
    const y = embedding(b.graph, tokens, 'table', 3, 5);
    fill(b);
    backward(b, y, b.input('dy', y.shape));
    return { y };
  },
}));

const places: ParityCase[] = [
  [1, 1, 1, 1],
  [3, 5, 5, 6],
  [65, 2, 7, 4],
].map(([batch, length, longest, channels], i) => ({
  name: `add_positions/${batch}x${length}x${channels}-of-${longest}`,
  tolerance: SUMS,
  buffers: ['gradients'],
  seeds: i === 1 ? [1, 2, 3] : [1],
  build: (b) => {
    const x = b.input('x', [batch!, length!, channels!]);
    const y = positions(b.graph, x, 'positions', longest);
    fill(b);
    backward(b, y, b.input('dy', y.shape));
    return { y };
  },
}));

/** Lengths around a vec4; the last row has no label, and one token is none. */
const nextTokens: ParityCase[] = [1, 3, 4, 5, 16].flatMap((length) =>
  ['words', 'floats'].map((kind) => ({
    name: `next_tokens/3x${length}/${kind}`,
    tolerance: EXACT,
    seeds: kind === 'floats' ? [1, 2] : [1],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const fill = (_: unknown, i: number) => (i === 2 ? -1 : (i * 3) % 7);
      const tokens =
        kind === 'words'
          ? b.words(
              'tokens',
              [3, length],
              Array.from({ length: 3 * length }, (_, i) => i % 7),
            )
          : b.input('tokens', [3, length], fill);
      const labels = b.labels(3, 7, 0xffff_ffff);
      const target = b.graph.one('next_tokens', [tokens, labels]);
      // A word has no tolerance and a label is read by a loss: its one-hot error shows the label.
      const logits = b.input('logits', [3 * length, 7], constant(0));
      const [rows, onehot] = b.graph.apply('mse', [logits, target], {}, 'mse');
      return { rows: rows!, onehot: onehot! };
    },
  })),
);

/** A language model: the loss of every position, its gradients by differences of the loss. */
const everyToken: ParityCase[] = [1, 3, 4, 5].map((length) => ({
  name: `next_tokens/loss/2x${length}`,
  tolerance: GRADIENTS,
  buffers: ['gradients'],
  differences: true,
  build: (b) => {
    const tokens = b.input('tokens', [2, length], integers(5));
    const labels = b.labels(2, 5);
    const x = positions(b.graph, embedding(b.graph, tokens, 'table', 5, 8), 'positions');
    const mixed = attention(b.graph, x, 'heads', { heads: 2, causal: true });
    const logits = positionwiseLinear(b.graph, mixed, 'head', 5);
    const targets = targetsOf(b.graph, logits, tokens, labels);
    const { gradient, rows } = crossEntropy(b.graph, logits, targets);
    fill(b);
    backward(b, logits, gradient);
    return { rows };
  },
}));

const softmaxes: ParityCase[] = [
  [1, 1],
  [7, 5],
  [64, 4],
  [65, 9],
  [3, 3, 17],
].flatMap((shape, i) =>
  [1, 60].map((spread) => ({
    name: `softmax/${shape.join('x')}/spread-${spread}`,
    tolerance: FUNCTIONS,
    seeds: i % 2 === 0 ? [1] : [1, 2, 3],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const x = b.input('x', shape, (random) => spread * random.normal());
      const y = b.graph.one('softmax', [x], {}, 'y');
      // Where one score wins, the gradient is what is left of numbers that cancel.
      if (spread > 1) return { y };
      return { y, dx: b.graph.one('softmax_grad', [b.input('dy', shape), y], {}, 'dx') };
    },
  })),
);

/** Batch, heads, queries, keys, channels of a head. */
const SIZES: readonly (readonly [number, number, number, number, number])[] = [
  [1, 1, 1, 1, 4],
  [2, 2, 3, 3, 4],
  [2, 3, 5, 5, 8],
  [1, 2, 9, 9, 12],
  [3, 1, 4, 6, 4],
  [1, 4, 17, 13, 4],
];

const parts: ParityCase[] = SIZES.flatMap(([batch, heads, queries, keys, width], i) =>
  (queries === keys ? [false, true] : [false]).map((causal) => ({
    name: `attention/${batch}x${heads}x${queries}x${keys}x${width}${causal ? '/causal' : ''}`,
    tolerance: FUNCTIONS,
    ...(i % 2 === 1 ? { seeds: [1, 2, 3], twins: true } : {}),
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const [q, dy] = ['q', 'dy'].map((n) => b.input(n, [batch, queries, heads * width]));
      const [k, v] = ['k', 'v'].map((n) => b.input(n, [batch, keys, heads * width]));
      const attrs = { heads, causal };
      const scale = 1 / Math.sqrt(width);
      const scores = b.graph.one('attention_scores', [q!, k!], { ...attrs, scale }, 'scores');
      const weights = b.graph.one('softmax', [scores], { causal }, 'weights');
      const mix = { ...attrs, scale: 1 };
      return {
        scores,
        weights,
        y: b.graph.one('attention_mix', [weights, v!], mix, 'y'),
        dv: b.graph.one('attention_mix', [weights, dy!], { ...mix, transposed: true }, 'dv'),
      };
    },
  })),
);

/** What a position must not see may hold anything. */
const blind: ParityCase = {
  name: 'attention/causal/nan-in-the-future',
  tolerance: FUNCTIONS,
  build: (b) => {
    const future = (random: { normal(): number }, i: number) =>
      i >= 24 ? Number.NaN : random.normal();
    const [k, v] = [b.input('k', [1, 4, 8], future), b.input('v', [1, 4, 8], future)];
    const attrs = { heads: 2, causal: true, scale: 1 };
    const q = b.input('q', [1, 4, 8]);
    const scores = b.graph.one('attention_scores', [q, k], attrs, 'scores');
    const weights = b.graph.one('softmax', [scores], { causal: true }, 'weights');
    const y = b.graph.one('attention_mix', [weights, v], attrs, 'y');
    return { past: b.graph.one('slice', [y], { axis: 1, start: 0, length: 3 }, 'past') };
  },
};

/** Equal scores: the weights are one over the keys seen, exactly enough to name. */
const uniform: ParityCase = {
  name: 'softmax/causal/equal-scores',
  tolerance: relative(4),
  build: (b) => {
    const x = b.input('x', [9, 9], constant(2.5));
    return { y: b.graph.one('softmax', [x], { causal: true }) };
  },
};

/** A small transformer, causal and not, and one that attends to another sequence. */
const models: ParityCase[] = ['causal', 'open', 'memory'].map((kind) => ({
  name: `model/transformer-${kind}`,
  tolerance: GRADIENTS,
  buffers: ['gradients'],
  differences: true,
  seeds: [1, 2],
  build: (b) => {
    const { graph } = b;
    const tokens = b.input('tokens', [2, 3], integers(5));
    let x = positions(graph, embedding(graph, tokens, 'wte', 5, 8), 'wpe', 4);
    const memory = concat(graph, [x, graph.one('scale', [x], { factor: 0.5 })], 1);
    const causal = kind === 'causal';
    const seen = layerNorm(graph, x, 'ln_1');
    const heads = { heads: 2, causal };
    const attended = attention(graph, seen, 'attn', heads, kind === 'memory' ? memory : seen);
    x = graph.one('add', [x, attended], {}, 'residual');
    const hidden = positionwiseLinear(graph, layerNorm(graph, x, 'ln_2'), 'mlp.fc', 6);
    const active = graph.one('activation', [hidden], { kind: 'gelu' }, 'active');
    x = graph.one('add', [x, positionwiseLinear(graph, active, 'mlp.proj', 8)], {}, 'block');
    const last = causal ? graph.one('fold_rows', [x], {}, 'last') : meanPositions(graph, x);
    const weight = b.weight('head.weight', [8, 5]);
    const logits = graph.one('linear', [last, weight], {}, 'logits');
    fill(b);
    const [rows, dLogits] = graph.apply('softmax_cross_entropy', [
      logits,
      b.labels(logits.shape[0]!, 5),
    ]);
    backward(b, logits, dLogits!);
    return { rows: rows!, logits };
  },
}));

/** The rows of one token only: its gradient is the sum of all. */
const same: ParityCase = {
  name: 'embedding/one-token',
  tolerance: EXACT,
  buffers: ['gradients'],
  build: (b) => {
    const y = embedding(b.graph, b.words('tokens', [65], Array(65).fill(1)), 'table', 3, 4);
    fill(b);
    backward(b, y, b.input('dy', y.shape, constant(0.25)));
    return { y };
  },
};

export const attentionCases: readonly ParityCase[] = [
  ...embeddings,
  ...strangers,
  same,
  ...places,
  ...nextTokens,
  ...everyToken,
  ...softmaxes,
  uniform,
  ...parts,
  blind,
  ...models,
];
