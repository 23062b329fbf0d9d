/** Parity cases of batches, losses and metrics. */
import { streamOf } from '../../shared/base/random.ts';
import type { Tensor } from '../../shared/engine/plan/graph.ts';
import { type CaseBuilder, constant, EXACT, type ParityCase, relative } from './parity-case.ts';

const FUNCTIONS = relative(64);
const INVALID = 0xffff_ffff;

/** A data set of `rows` rows on the device, shared by the replicas. */
export function dataset(
  b: CaseBuilder,
  rows: number,
  features: readonly number[],
  classes: number,
) {
  const x = b.shared('dataset_x', [rows, ...features]);
  const labels = Array.from({ length: rows }, (_, i) => (i * 7 + 3) % classes);
  return { x, y: b.words('dataset_y', [rows], labels) };
}

/** Rows, batch, features and the step from which the case starts. */
const GATHERS: readonly (readonly [number, number, readonly number[], number])[] = [
  [1, 1, [1], 0],
  [10, 4, [3], 0],
  [17, 8, [2], 2],
  [65, 64, [5], 3],
  [9, 16, [2], 0],
  [12, 5, [4, 5, 3], 1],
];

const gathers: ParityCase[] = ['shuffle', 'sequential'].flatMap((mode) =>
  GATHERS.map(([rows, batch, features, step]) => ({
    name: `gather_batch/${mode}/${rows}x${features.join('x')}-by-${batch}/step-${step}`,
    tolerance: EXACT,
    seeds: [1, 2, 0xffff_ffff],
    twins: true,
    words: ['control'],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const { x, y } = dataset(b, rows, features, 3);
      const control = b.control({ step });
      const attrs = { batch, mode, size: rows, stream: streamOf('order') };
      const [batchX, labels] = b.graph.apply('gather_batch', [x, y, control], attrs, 'batch');
      // A word has no tolerance and a label is read by a loss: its one-hot error shows the label.
      const logits = b.input('logits', [batch, 3], constant(0));
      const [, onehot] = b.graph.apply('mse', [logits, labels!], {}, 'mse');
      return mode === 'shuffle' ? { x: batchX! } : { x: batchX!, onehot: onehot! };
    },
  })),
);

/** A data set in parts: its batches are those of the whole. */
const gatheredParts: ParityCase[] = ['shuffle', 'sequential'].flatMap((mode) =>
  [1, 4, 7].map((partRows) => ({
    name: `gather_part/${mode}/${partRows}-rows`,
    tolerance: EXACT,
    seeds: [1, 2, 3],
    twins: true,
    words: ['control'],
    build: (b: CaseBuilder): Record<string, Tensor> => {
      const [size, batch] = [9, 5];
      const control = b.control({ step: 1 });
      const attrs = { batch, mode, size, stream: 7 };
      const labels = b.words(
        'dataset_y',
        [size],
        Array.from({ length: size }, (_, i) => i % 3),
      );
      const rows = Math.min(partRows, size);
      const first = b.shared('dataset_x', [rows, 70]);
      const inputs = [first, labels, control];
      const [x] = b.graph.apply('gather_batch', inputs, { ...attrs, part: true }, 'batch');
      for (let at = rows, k = 1; at < size; at += rows, k++) {
        const next = b.shared(`dataset_x.${k}`, [Math.min(rows, size - at), 70]);
        b.graph.apply('gather_part', [x!, next, control], { ...attrs, first: at });
      }
      return { x: x! };
    },
  })),
);

/** The labels that shuffling gathers, seen through a loss. */
const gatheredLabels: ParityCase = {
  name: 'gather_batch/shuffle/labels',
  tolerance: FUNCTIONS,
  seeds: [5, 6],
  build: (b) => {
    const { x, y } = dataset(b, 23, [1], 4);
    const attrs = { batch: 19, mode: 'shuffle', size: 23, stream: 9 };
    const [, labels] = b.graph.apply('gather_batch', [x, y, b.control({ step: 4 })], attrs);
    const logits = b.input('logits', [19, 4]);
    const [rows, dLogits] = b.graph.apply('mse', [logits, labels!], {}, 'mse');
    return { rows: rows!, dLogits: dLogits! };
  },
};

const losses: ParityCase[] = ['softmax_cross_entropy', 'mse'].flatMap((op) =>
  (
    [
      [1, 1],
      [7, 2],
      [63, 3],
      [64, 4],
      [65, 5],
      [9, 17],
    ] as const
  ).flatMap(([batch, classes], i) =>
    ['', 'wide', 'invalid', 'nan', 'no-class'].flatMap((kind): ParityCase[] => {
      if (kind !== '' && i !== 4) return [];
      return [
        {
          name: `${op}/${batch}x${classes}${kind && `/${kind}`}`,
          tolerance: FUNCTIONS,
          seeds: i === 4 ? [1, 2, 3] : [1],
          build: (b) => {
            const fill = (random: { normal(): number }, at: number) =>
              kind === 'nan' && at === 7
                ? Number.NaN
                : random.normal() * (kind === 'wide' ? 60 : 1);
            const last = { invalid: INVALID, 'no-class': classes }[kind];
            const logits = b.input('logits', [batch, classes], fill);
            const [rows, dLogits] = b.graph.apply(op, [logits, b.labels(batch, classes, last)]);
            return { rows: rows!, dLogits: dLogits! };
          },
        },
      ];
    }),
  ),
);

const smoothed: ParityCase[] = (
  [
    [1, 1, 0.1],
    [65, 3, 0.1],
    [9, 17, 0.6],
  ] as const
).map(([batch, classes, smoothing], i) => ({
  name: `softmax_cross_entropy/${batch}x${classes}/smoothing-${smoothing}`,
  tolerance: FUNCTIONS,
  seeds: i === 1 ? [1, 2, 3] : [1],
  build: (b) => {
    const logits = b.input('logits', [batch, classes], (random) => 6 * random.normal());
    const labels = b.labels(batch, classes, i === 2 ? INVALID : undefined);
    const [rows, dLogits] = b.graph.apply('softmax_cross_entropy', [logits, labels], { smoothing });
    return { rows: rows!, dLogits: dLogits! };
  },
}));

/** Two losses of the same rows; a row without a label counts for neither. */
const mixed: ParityCase[] = (
  [
    [1, 1],
    [7, 5],
    [65, 3],
    [66, 17],
  ] as const
).map(([batch, classes], i) => ({
  name: `mix_losses/${batch}x${classes}`,
  tolerance: FUNCTIONS,
  ...(i % 2 === 0 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b) => {
    const logits = b.input('logits', [batch, classes]);
    const labels = b.labels(batch, classes, i === 3 ? INVALID : undefined);
    const entropy = b.graph.apply('softmax_cross_entropy', [logits, labels]);
    const squares = b.graph.apply('mse', [logits, labels]);
    const attrs = { a: 0.75, b: 2 };
    const [rows, dLogits] = b.graph.apply('mix_losses', [...entropy, ...squares], attrs);
    return { rows: rows!, dLogits: dLogits! };
  },
}));

/** Parts of a batch, floats and words, and their rows joined again. */
const parts: ParityCase[] = (
  [
    [[2, 1], 1],
    [[7, 3], 5],
    [[65, 2, 3], 64],
    [[66, 17], 1],
  ] as const
).map(([shape, first], i) => ({
  name: `batch_rows/${shape.join('x')}/${first}`,
  tolerance: EXACT,
  ...(i % 2 === 0 ? { seeds: [1, 2, 3], twins: true } : {}),
  build: (b): Record<string, Tensor> => {
    const [batch] = shape;
    const x = b.input('x', shape);
    const labels = b.labels(batch, 3);
    const cut = (t: Tensor, start: number, length: number) =>
      b.graph.one('batch_rows', [t], { start, length });
    const [head, tail] = [cut(x, 0, first), cut(x, first, batch - first)];
    // Labels are words; the error of a loss at zero shows them.
    const zeros = b.input('zeros', [batch - first, 3], constant(0));
    const own = cut(labels, first, batch - first);
    const [, onehot] = b.graph.apply('mse', [zeros, own], {}, 'mse');
    const joined = b.graph.one('join_batches', [tail, head]);
    return i === 1 || i === 3 ? { head, tail, joined } : { head, tail, joined, onehot: onehot! };
  },
}));

/** A loss that also makes the next step the current one. */
const advancing: ParityCase[] = ['softmax_cross_entropy', 'mse'].map((op) => ({
  name: `${op}/advance`,
  tolerance: FUNCTIONS,
  seeds: [1, 2],
  words: ['control'],
  build: (b) => {
    const control = b.control({ step: 7, current: 6 });
    const logits = b.input('logits', [5, 3]);
    const [rows, dLogits] = b.graph.apply(op, [logits, b.labels(5, 3), control]);
    return { rows: rows!, dLogits: dLogits! };
  },
}));

/** Batch, features, classes: both sides of the tile edges, one to eight vec4s of scores. */
const SCORES = [
  [1, 1, 1],
  [5, 9, 3],
  [31, 4, 4],
  [32, 33, 5],
  [33, 17, 10],
  [65, 8, 32],
  [70, 40, 17],
] as const;

/** A layer and its loss in one dispatch; `kept` scores keep them apart. */
const fusedLosses: ParityCase[] = SCORES.flatMap(([batch, features, classes], i) =>
  ['', 'kept', 'invalid', 'nan', 'no-class', 'smoothed'].flatMap((kind): ParityCase[] => {
    if (kind !== '' && i !== 4) return [];
    return [
      {
        name: `linear_cross_entropy/${batch}x${features}x${classes}${kind && `/${kind}`}`,
        tolerance: FUNCTIONS,
        seeds: i % 2 === 0 ? [1, 2, 3] : [1],
        words: kind === 'smoothed' ? ['control'] : [],
        build: (b) => {
          const x = b.input('x', [batch, features], (random, at) =>
            kind === 'nan' && at === 7 ? Number.NaN : random.normal(),
          );
          const bias = i === 1 ? [] : [b.bias('b', classes)];
          const logits = b.graph.one('linear', [x, b.weight('w', [features, classes]), ...bias]);
          const last = { invalid: INVALID, 'no-class': classes }[kind];
          const inputs = [logits, b.labels(batch, classes, last)];
          if (kind === 'smoothed') inputs.push(b.control({ step: 7, current: 6 }));
          const attrs = kind === 'smoothed' ? { smoothing: 0.2 } : {};
          const [rows, dLogits] = b.graph.apply('softmax_cross_entropy', inputs, attrs);
          return { rows: rows!, dLogits: dLogits!, ...(kind === 'kept' ? { logits } : {}) };
        },
      },
    ];
  }),
);

const metrics: ParityCase[] = [1, 63, 64, 65, 300].map((batch, i) => ({
  name: `metrics_reduce/${batch}`,
  tolerance: relative(32),
  seeds: i % 2 === 0 ? [1] : [1, 2, 3],
  buffers: ['metrics'],
  words: ['control'],
  build: (b) => {
    const logits = b.input('logits', [batch, 3]);
    const labels = b.labels(batch, 3, batch > 1 ? INVALID : undefined);
    const [rows] = b.graph.apply('mse', [logits, labels], {}, 'mse');
    const table = b.metrics();
    b.graph.apply('metrics_reduce', [rows!, b.control({ step: 41 }), table]);
    return { rows: rows! };
  },
}));

export const trainingCases: readonly ParityCase[] = [
  ...gathers,
  ...gatheredParts,
  gatheredLabels,
  ...losses,
  ...smoothed,
  ...mixed,
  ...parts,
  ...advancing,
  ...fusedLosses,
  ...metrics,
];
