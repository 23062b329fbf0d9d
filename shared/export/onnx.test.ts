/**
 * ONNX Runtime as the outside judge: what it computes from an exported file agrees with what we
 * compute, for every model of the zoo, as it starts, grown and folded. Ours is the float64 reference
 * with float32 storage; ONNX Runtime sums in float32 in an order of its own.
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BlendMode } from '../contracts/seed.ts';
import { ZOO, type ZooModel } from '../models/_test-zoo.ts';
import { optionsFor } from '../tolaria/_test-models.ts';
import {
  advance,
  follow,
  fossilize,
  germinate,
  openTiny,
  type Script,
  setAlpha,
} from '../tolaria/_test-run.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { exportedNetwork } from './exported-network.ts';
import { onnxFile } from './onnx-file.ts';

/** Largest difference of a logit, as a share of the largest logit or of one. */
const TOLERANCE = 5e-6;
const ROWS = 5;

beforeAll(() => {
  env.wasm.numThreads = 1;
});

const at = (name: string): ZooModel => ZOO.find((m) => m.name === name)!;

async function networkOf(trainer: Trainer, { input }: ZooModel, classes: readonly string[]) {
  return exportedNetwork(
    {
      experiment: trainer.experiment,
      data: { input, classes },
      step: trainer.step,
      growth: trainer.growth.state,
      tensors: await trainer.runtime.exportTensors(),
    },
    0,
  );
}

/** Rows as the file wants them: images channels first, tokens as whole numbers. */
function feedOf(model: ZooModel, rows: Float32Array): Tensor {
  const { host, input } = model;
  if (host.kind === 'gpt') {
    return new Tensor('int64', BigInt64Array.from(rows, BigInt), [ROWS, ...input]);
  }
  const [height, width, channels] = input as [number, number, number];
  if (input.length === 1) return new Tensor('float32', rows, [ROWS, ...input]);
  const turned = Float32Array.from(rows, (_, i) => {
    const x = i % width;
    const y = Math.floor(i / width) % height;
    const c = Math.floor(i / (width * height)) % channels;
    const row = Math.floor(i / (width * height * channels));
    return rows[((row * height + y) * width + x) * channels + c]!;
  });
  return new Tensor('float32', turned, [ROWS, channels, height, width]);
}

/** Trains by the script, exports, and compares. */
async function judge(
  model: ZooModel,
  script: Script = {},
  more: Parameters<typeof optionsFor>[1] = {},
): Promise<Trainer> {
  const options = optionsFor(model, more);
  const { trainer } = await openTiny(options);
  await follow(trainer, script);
  const { classes, test } = options.dataset;
  const rows = test.x.slice(0, ROWS * (test.x.length / test.size));
  const bytes = onnxFile(await networkOf(trainer, model, classes), 'tiny');
  const session = await InferenceSession.create(bytes);
  expect(session.inputNames).toEqual(['input']);
  const { logits: theirs } = await session.run({ input: feedOf(model, rows) });
  expect(theirs!.dims).toEqual([ROWS, classes.length]);
  const { logits: ours, stride } = await trainer.predict(rows);
  const largest = Math.max(1, ...ours.map(Math.abs));
  const worst = Math.max(
    ...Array.from(theirs!.data as Float32Array, (v, i) =>
      Math.abs(v - ours[Math.floor(i / classes.length) * stride + (i % classes.length)]!),
    ),
  );
  expect(worst / largest).toBeLessThan(TOLERANCE);
  await session.release();
  trainer.dispose();
  return trainer;
}

describe.each(ZOO)('$name in ONNX Runtime', (model) => {
  it('computes what it computes here, as trained', async () => {
    await judge(model, {}, { growth: { enabled: false } });
  });

  it('and grown, with a seed half blended in', async () => {
    const { trainer: look } = await openTiny(optionsFor(model));
    const site = look.growth.sites[Math.floor(look.growth.sites.length / 2)]!;
    look.dispose();
    const blueprint = site.kind === 'linear' ? 'residual-mlp-4' : 'conv3x3-4';
    const trainer = await judge(model, {
      2: [germinate(site.layerId, blueprint)],
      8: [advance(site.layerId), setAlpha(site.layerId, 0.5)],
    });
    expect(trainer.growth.seeds()).toHaveLength(1);
  });
});

const LINEAR_SEEDS = ['identity', 'norm', 'low-rank-2', 'bottleneck-mlp-2', 'widen-3-gelu'];
const CONV_SEEDS = [
  ...['identity', 'norm', 'conv1x1-3', 'conv3x3-3', 'conv3x3'],
  ...['depthwise-separable', 'squeeze-excite-2'],
];
const MODES: readonly BlendMode[] = ['add', 'replace', 'multiply', 'gate'];

/** Every blueprint in one of the modes, and every mode at least once on each kind of layer. */
const SEEDS = [
  ...LINEAR_SEEDS.map((b, i) => ['mlp', 'fc2', b, MODES[i % 4]!] as const),
  ...CONV_SEEDS.map((b, i) => ['cnn', 'conv2', b, MODES[i % 4]!] as const),
  ['gpt', 'transformer.h.1.attn.c_attn', 'low-rank-4', 'gate'],
  ['gpt', 'transformer.h.0.attn.heads', 'residual-mlp-4', 'replace'],
  ['gpt', 'transformer.h.0.mlp.c_fc', 'attention-2', 'add'],
  ['resnet8', 'layer2.0.bn1', 'conv3x3-3', 'gate'],
  // With gaps between its taps, and a depthwise one.
  ['custom-images', 'conv1', 'conv3x3-3', 'add'],
  ['custom-images', 'conv2', 'conv1x1-3', 'gate'],
  ['custom-images', 'conv2', 'grouped-conv3x3', 'replace'],
] as const;

describe('a seed in ONNX Runtime', () => {
  it.each(SEEDS)('on %s %s: %s, %s', async (name, layer, blueprint, mode) => {
    const script = {
      2: [germinate(layer, blueprint, mode)],
      8: [advance(layer), setAlpha(layer, 0.7)],
    };
    const trainer = await judge(at(name), script, { growth: { layers: [layer] } });
    expect(trainer.growth.alphas(trainer.step)).toEqual([1, 0.7]);
  });

  it.each([
    ['mlp', 'fc2', 'low-rank-4', 'layer'],
    ['mlp', 'fc2', 'widen-3-gelu', 'span'],
    ['cnn', 'conv2', 'conv3x3', 'layer'],
    ['vgg', 'features.0', 'conv3x3', 'layer'],
    ['custom-images', 'conv2', 'grouped-conv3x3', 'layer'],
    ['gpt', 'transformer.h.0.mlp.c_proj', 'widen-3-gelu', 'span'],
  ] as const)(
    'committed on %s %s, %s, grafted and folded',
    async (name, layer, blueprint, reach) => {
      const script = {
        2: [germinate(layer, blueprint)],
        8: [advance(layer)],
        12: [fossilize(layer)],
        14: [fossilize(layer)],
      };
      for (const fold of ['off', 'auto'] as const) {
        const more = { steps: 20, growth: { layers: [layer], fold, reach } };
        const trainer = await judge(at(name), script, more);
        const [record] = trainer.growth.state.slots;
        expect(record!.state.stage).toBe('FOSSILIZED');
        expect(record!.state.folded ?? false).toBe(fold === 'auto');
      }
    },
  );
});
