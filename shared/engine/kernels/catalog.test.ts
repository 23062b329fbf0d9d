import { describe, expect, it } from 'vitest';
import { SHADERS } from '../../../shaders/index.ts';
import { differentiate } from '../plan/autodiff.ts';
import type { Tensor } from '../plan/graph.ts';
import { OPS } from '../plan/ops.ts';
import { KERNELS, loweringOf } from './catalog.ts';
import { type KernelCall, MAX_GROUPS } from './kernel-call.ts';
import { link } from './linker.ts';
import { lowerAll, TestGraph } from './lowering.test-support.ts';

const INIT = { kind: 'ones', fanIn: 1, fanOut: 1 } as const;

/** Ops that only give a tensor's storage another name. */
const ALIASES = [
  ...['detach', 'flatten', 'fold_rows', 'seed_input', 'straight_through', 'unflatten'],
  'unfold_rows',
];

/** A convolutional network with a seed of each blend mode, its loss, gradients and optimizer. */
function training(kind: 'adam' | 'adamw' | 'sgd', clip: boolean): TestGraph {
  const t = new TestGraph();
  const control = t.control();
  const attrs = { batch: 6, mode: 'shuffle', size: 50, stream: 3 };
  const [x, labels] = t.graph.apply(
    'gather_batch',
    [t.shared('dataset_x', 20, 9, 9, 3), t.words('dataset_y', 50), control],
    { ...attrs, part: true },
  );
  t.graph.apply('gather_part', [x!, t.shared('dataset_x.1', 30, 9, 9, 3), control], {
    ...{ ...attrs, first: 20 },
  });
  const window = { stride: 1, padding: 1 };
  let h = t.one('conv2d', [x!, t.weight('c1', 3, 3, 3, 8), t.bias('c1b', 8)], window);
  const depthwise = t.graph.parameter('dw', [3, 3, 1, 8], 1, INIT);
  h = t.one('conv2d', [h, depthwise], { ...window, groups: 8 });
  h = t.one('max_pool', [t.one('activation', [h], { kind: 'relu' })], { size: 2, stride: 2 });
  h = t.one('conv2d', [h, t.weight('c2', 3, 3, 8, 8)], { stride: 2, padding: 1 });
  h = t.one('avg_pool', [t.one('activation', [h], { kind: 'gelu' })], { size: 2, stride: 1 });
  h = t.one('dropout', [h, control], { rate: 0.1, stream: 4 });
  h = t.one('global_avg_pool', [h]);
  for (const mode of ['add', 'replace', 'multiply', 'gate']) {
    const s = t.one('linear', [h, t.weight(`${mode}.s`, 8, 8), t.bias(`${mode}.b`, 8)]);
    const gate = mode === 'gate' ? [t.one('linear', [h, t.weight('gate', 8, 1)])] : [];
    h = t.one('blend', [h, t.one('scale', [s], { factor: 2 }), control, ...gate], {
      mode,
      alpha: 0,
    });
  }
  const view = t.one('seed_input', [h, control], { alpha: 0 });
  const logits = t.one('linear', [t.one('add', [view, h]), t.weight('head', 8, 3)]);
  const [rows, dLogits] = t.graph.apply('softmax_cross_entropy', [logits, labels!]);
  const wanted = new Set(t.graph.parameters.map((p) => p.tensorId));
  differentiate(t.graph, new Map([[logits.id, dLogits!]]), wanted);
  const arena = (name: string) => t.input(name, 64 * 20);
  const gradients = arena('gradients');
  t.graph.apply('gradient_stats', [gradients, t.words('segments', 4, 2)], { segments: 4 });
  t.graph.apply('activation_stats', [h]);
  const norm = clip
    ? [
        t.one(
          'gradient_norm',
          [t.one('gradient_norm_partial', [gradients], { partials: 7 }), rows!],
          {
            clipNorm: 1,
          },
        ),
      ]
    : [];
  const moments = kind === 'sgd' ? ['moment1'] : ['moment1', 'moment2'];
  t.graph.apply(
    kind === 'sgd' ? 'sgd_update' : 'adam_update',
    [
      arena('parameters'),
      gradients,
      ...moments.map(arena),
      t.words('groups', 20),
      control,
      rows!,
      t.shared('metrics', 4, 4),
      ...norm,
    ],
    {
      ...(kind === 'sgd' ? { momentum: 0.9 } : { kind, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
      ...{ clipNorm: clip ? 1 : 0, alphas: 1, batch: 6 },
    },
  );
  return t;
}

/** Every statistic of a norm, embeddings, attention and what moves numbers, with gradients. */
function sequences(tokens: 'words' | 'floats', causal: boolean): TestGraph {
  const t = new TestGraph();
  const ids = tokens === 'words' ? t.words('tokens', 2, 6) : t.shared('tokens', 2, 6);
  const norm = (x: Tensor, name: string, statistics: string, groups: number, stats: Tensor) =>
    t.one('normalize', [x, stats, t.bias(`${name}.w`, 8), t.bias(`${name}.b`, 8)], {
      ...{ statistics, groups, segments: statistics === 'group' ? 2 : 1 },
    });
  const grouped = (x: Tensor, name: string, groups: number) => {
    const stats = t.one('group_stats', [x], { segments: 2, groups, epsilon: 1e-5 });
    return norm(x, name, 'group', groups, stats);
  };
  const running = [t.input('mean', 8), t.input('variance', 8)];
  const h = t.one('embedding', [ids, t.graph.parameter('wte', [9, 8], 1, INIT)]);
  let x = t.one('add_positions', [h, t.graph.parameter('wpe', [7, 8], 1, INIT)]);
  x = grouped(grouped(x, 'g1', 1), 'g4', 4);
  const partial = t.one('channel_stats', [x], { partials: 2 });
  const batch = t.one('batch_stats', [partial, ...running], {
    ...{ rows: 12, momentum: 0.1, epsilon: 1e-5 },
  });
  x = norm(x, 'bn', 'batch', 1, batch);
  const fixed = t.one('running_stats', [t.input('m', 8), t.input('v', 8)], { epsilon: 1e-5 });
  x = norm(x, 'frozen', 'fixed', 1, fixed);
  const attrs = { heads: 2, causal };
  const scores = t.one('attention_scores', [x, x], { ...attrs, scale: 0.5 });
  const weights = t.one('softmax', [scores], { causal });
  x = t.one('attention_mix', [weights, x], { ...attrs, scale: 1 });
  x = t.one('concat', [x, t.one('transpose', [t.one('transpose', [x])])], { axis: 2 });
  x = t.one('slice', [x], { axis: 2, start: 3, length: 8 });
  const mean = t.one('sum_positions', [x], { factor: 1 / 6 });
  x = t.one('mul', [t.one('mul', [x, x]), mean]);
  x = t.one('reshape', [t.one('reshape', [x], { shape: '16x3' })], { shape: '6x8' });
  const rows = t.one('unfold_rows', [t.one('fold_rows', [x]), x]);
  const logits = t.one('linear', [rows, t.weight('head', 6, 8, 3)]);
  const smoothing = causal ? 0.1 : 0;
  const labels = t.one('batch_rows', [t.words('labels', 4)], { start: 2, length: 2 });
  t.one('next_tokens', [ids, labels]);
  const entropy = t.graph.apply('softmax_cross_entropy', [logits, labels], { smoothing });
  const squares = t.graph.apply('mse', [logits, labels]);
  const [stats, d] = t.graph.apply('mix_losses', [...entropy, ...squares], { a: 1, b: 0.5 });
  t.graph.apply('join_batches', [stats!, stats!]);
  const wanted = new Set(t.graph.parameters.map((p) => p.tensorId));
  differentiate(t.graph, new Map([[logits.id, d!]]), wanted);
  return t;
}

function evaluation(): TestGraph {
  const t = new TestGraph();
  const control = t.control();
  const [x, labels] = t.graph.apply(
    'gather_batch',
    [t.shared('dataset_x', 50, 5), t.words('dataset_y', 50), control],
    { batch: 8, mode: 'sequential', size: 50, stream: 0 },
  );
  const [rows] = t.graph.apply('mse', [t.one('linear', [x!, t.weight('w', 5, 3)]), labels!]);
  t.graph.apply('metrics_reduce', [rows!, control, t.shared('metrics', 4, 4)]);
  // Too many classes to be fused with what makes their scores.
  const scores = t.one('linear', [x!, t.weight('wide', 5, 40)]);
  t.graph.apply('softmax_cross_entropy', [scores, labels!]);
  return t;
}

/** A product whose sums the plan cuts into parts. */
function longSums(): TestGraph {
  const t = new TestGraph();
  t.one('linear', [t.input('x', 3, 1100), t.weight('w', 1100, 5), t.bias('b', 5)]);
  return t;
}

const families = ['software', 'gpu'] as const;
const all: KernelCall[] = families.flatMap((family) => [
  ...lowerAll(training('adam', false), 3, family),
  ...lowerAll(training('adamw', true), 1, family),
  ...lowerAll(training('sgd', false), 1, family),
  ...lowerAll(training('sgd', true), 1, family),
  ...lowerAll(evaluation(), 2, family),
  ...lowerAll(longSums(), 2, family),
  ...lowerAll(sequences('words', true), 2, family),
  ...lowerAll(sequences('floats', false), 1, family),
]);
/** One call for each text of a shader. */
const calls = new Map(all.map((c) => [`${c.shader} ${JSON.stringify(c.defines)}`, c]));

describe('kernel catalog', () => {
  it('has a row for every op that makes a dispatch, and no other', () => {
    const wanted = Object.keys(OPS).filter((op) => !ALIASES.includes(op));
    expect(Object.keys(KERNELS).sort()).toEqual(wanted.sort());
  });

  it('has a shader of the same name for every op', () => {
    for (const op of Object.keys(KERNELS)) expect(SHADERS).toHaveProperty([`${op}.wgsl`]);
  });

  it('has products whose shaders all know how operands are rounded', () => {
    const products = Object.keys(SHADERS).filter((file) => /^(linear|conv2d)/.test(file));
    expect(products.length).toBeGreaterThanOrEqual(16);
    for (const file of products) {
      expect(SHADERS[file], file).toMatch(/^\/\/ @include lib\/operand\.wgsl$/m);
    }
  });

  it('names an op it does not know', () => {
    expect(() => loweringOf('melt')).toThrow('Cannot lower op "melt"');
  });

  it('is lowered whole by the calls below', () => {
    const seen = new Set(all.map((c) => c.shader));
    expect(Object.keys(KERNELS).filter((op) => !seen.has(op))).toEqual([]);
  });
});

describe('kernel calls', () => {
  it.each([...calls])('%s fits its shader and the guaranteed limits', (_, call) => {
    const { code } = link(`${call.shader}.wgsl`, SHADERS, call.defines);
    const declared = [...code.matchAll(/@binding\((\d+)\) var<storage, (\w+)>/g)]
      .map((m) => ({ at: Number(m[1]), access: m[2] }))
      .sort((a, b) => a.at - b.at);
    expect(declared.map((d) => d.at)).toEqual(call.bindings.map((_, i) => i));
    expect(declared.map((d) => d.access)).toEqual(call.bindings.map((b) => b.access));
    expect(call.bindings.length).toBeLessThanOrEqual(8);

    const overrides = new Map(
      [...code.matchAll(/^override (\w+): \w+( =)?/gm)].map((m) => [m[1]!, m[2] !== undefined]),
    );
    for (const name of Object.keys(call.constants)) expect([...overrides.keys()]).toContain(name);
    for (const [name, hasDefault] of overrides) {
      if (!hasDefault) expect(Object.keys(call.constants)).toContain(name);
    }
    for (const value of Object.values(call.constants)) expect(Number.isFinite(value)).toBe(true);

    const size = (call.constants['WX'] ?? 64) * (call.constants['WY'] ?? 1);
    expect(size).toBeLessThanOrEqual(256);
    for (const n of call.grid) {
      expect(Number.isInteger(n) && n >= 1 && n <= MAX_GROUPS).toBe(true);
    }
  });

  it('never bind a buffer both to read and to write', () => {
    for (const call of all) {
      const writes = call.bindings.filter((b) => b.access === 'read_write');
      for (const w of writes) {
        const same = call.bindings.filter((b) => b.range.buffer === w.range.buffer);
        expect(same, call.shader).toEqual([w]);
      }
    }
  });
});
