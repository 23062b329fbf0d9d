/**
 * Models of the zoo on a real adapter: wrapping their layers changes no bit of what they compute or
 * learn, an interruption neither, and they learn what the float64 reference learns.
 */
import assert from 'node:assert/strict';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { ZOO } from '../../shared/models/_test-zoo.ts';
import { replicaSeed } from '../../shared/nn/initialise.ts';
import { memoryRunStorage } from '../../shared/platform/memory.ts';
import { optionsFor } from '../../shared/tolaria/_test-models.ts';
import {
  advance,
  bits,
  follow,
  germinate,
  openTiny,
  runTiny,
  tensorBits,
} from '../../shared/tolaria/_test-run.ts';

const backend = await createGpuBackend(navigator.gpu);
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;

const zoo = (name: string) => ZOO.find((m) => m.name === name)!;
/** Every layer that can be a Kasmina layer. */
const EVERY = ['*'];

/** With the number of layers that can be Kasmina layers. */
const WRAPPED = { resnet8: 19, gpt: 16, 'custom-images': 7, 'custom-signals': 6 };

for (const [name, sites] of Object.entries(WRAPPED)) {
  Deno.test(`models/${name}: wrapped layers change no output bit`, options, async () => {
    // Adam would blow gradients that are zero but for rounding up to whole steps.
    const optimizer = { kind: 'sgd', learningRate: 0.05 } as const;
    const plain = optionsFor(zoo(name), { optimizer, growth: { enabled: false } });
    const wrapped = optionsFor(zoo(name), { optimizer, growth: { layers: EVERY } });
    const bare = await runTiny({ ...plain, backend });
    const kasmina = await runTiny({ ...wrapped, backend });
    assert.equal(kasmina.trainer.growth.sites.length, sites);
    assert.deepEqual(await tensorBits(kasmina.trainer), await tensorBits(bare.trainer));
    const rows = plain.dataset.test.x;
    const [a, b] = [await kasmina.trainer.predict(rows), await bare.trainer.predict(rows)];
    assert.equal(bits(a.logits), bits(b.logits));

    const reference = await runTiny(plain);
    const theirs = await reference.trainer.runtime.exportTensors();
    for (const [key, { data }] of await bare.trainer.runtime.exportTensors()) {
      const other = theirs.get(key)!.data;
      const scale = Math.max(1, ...other.map(Math.abs));
      const worst = data.reduce((w, v, i) => Math.max(w, Math.abs(v - other[i]!)), 0);
      assert.ok(worst / scale < 1e-4, `${key} differs by ${worst} from the reference`);
    }
    for (const { trainer } of [bare, kasmina, reference]) trainer.dispose();
  });
}

Deno.test('models/vgg: grown on a batch norm, it resumes to the same bits', options, async () => {
  const layer = 'features.1';
  const wrapped = optionsFor(zoo('vgg'), { growth: { layers: [layer] } });
  const script = { 2: [germinate(layer, 'conv1x1-4')], 6: [advance(layer)] };
  const whole = await runTiny({ ...wrapped, backend }, script);
  assert.equal(whole.trainer.growth.seeds().length, 1);
  const storage = memoryRunStorage();
  const first = await openTiny({ ...wrapped, backend, storage });
  await follow(first.trainer, script, 7);
  await first.trainer.save();
  const second = await openTiny({ ...wrapped, backend, storage, resume: true });
  await follow(second.trainer, script);
  assert.equal(await second.trainer.digest(), whole.digest);
  for (const { trainer } of [whole, first, second]) trainer.dispose();
});

Deno.test('models/gpt: grown with attention, it resumes to the same bits', options, async () => {
  const layer = 'transformer.h.0.attn.heads';
  const optimizer = { kind: 'sgd', learningRate: 0.05 } as const;
  const wrapped = optionsFor(zoo('gpt'), { optimizer, growth: { layers: [layer] } });
  const script = { 2: [germinate(layer, 'attention-2')], 6: [advance(layer)] };
  const whole = await runTiny({ ...wrapped, backend }, script);
  assert.equal(whole.trainer.growth.state.slots[0]!.state.stage, 'HOLDING');
  const storage = memoryRunStorage();
  const first = await openTiny({ ...wrapped, backend, storage });
  await follow(first.trainer, script, 7);
  await first.trainer.save();
  const second = await openTiny({ ...wrapped, backend, storage, resume: true });
  await follow(second.trainer, script);
  assert.equal(await second.trainer.digest(), whole.digest);
  // Float64 grows the same network.
  const reference = await runTiny(wrapped, script);
  const theirs = await reference.trainer.runtime.exportTensors();
  for (const [key, { data }] of await whole.trainer.runtime.exportTensors()) {
    const other = theirs.get(key)!.data;
    const worst = data.reduce((w, v, i) => Math.max(w, Math.abs(v - other[i]!)), 0);
    assert.ok(worst < 1e-4, `${key} differs by ${worst} from the reference`);
  }
  for (const { trainer } of [whole, first, second, reference]) trainer.dispose();
});

for (const name of ['vgg', 'gpt']) {
  Deno.test(
    `models/${name}: replicas have the bits of runs with their seeds alone`,
    options,
    async () => {
      const growth = { enabled: false };
      const both = await runTiny({ ...optionsFor(zoo(name), { growth, replicas: 2 }), backend });
      const seed = replicaSeed(both.trainer.experiment.seed, 1);
      const alone = await runTiny({ ...optionsFor(zoo(name), { growth, seed }), backend });
      const tensors = await both.trainer.runtime.exportTensors();
      for (const [key, { data }] of await alone.trainer.runtime.exportTensors()) {
        assert.equal(bits(tensors.get(key)!.data.slice(data.length)), bits(data), key);
      }
      const [, second] = (await both.trainer.evaluate('test')).loss;
      assert.equal(second, (await alone.trainer.evaluate('test')).loss[0]);
      for (const { trainer } of [both, alone]) trainer.dispose();
    },
  );
}
