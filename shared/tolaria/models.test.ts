/** Every model of the zoo as host of a run: training, saving, resuming, growing, exact to the bit. */
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../base/safetensors.ts';
import type { Dataset } from '../data/dataset.ts';
import { evaluationGraph, exportedNetwork } from '../export/exported-network.ts';
import { stateDictFile } from '../export/state-dict-file.ts';
import { ZOO, type ZooModel } from '../models/_test-zoo.ts';
import { wantedTensors } from '../models/state-dict.ts';
import { memoryRunStorage } from '../platform/memory.ts';
import { optionsFor } from './_test-models.ts';
import {
  advance,
  bits,
  follow,
  fossilize,
  germinate,
  openTiny,
  runTiny,
  stages,
  tensorBits,
} from './_test-run.ts';
import { readInitialWeights } from './initial-weights.ts';
import type { Trainer } from './trainer.ts';

/** A layer in the middle and a blueprint that fits it. */
function growthOf(trainer: Trainer) {
  const site = trainer.growth.sites[Math.floor(trainer.growth.sites.length / 2)]!;
  return { layer: site.layerId, blueprint: site.kind === 'linear' ? 'low-rank-4' : 'conv3x3-4' };
}

/** The weights of a run as a file, in PyTorch's layouts. */
async function fileOf(trainer: Trainer, { input }: ZooModel, dataset: Dataset) {
  const network = exportedNetwork(
    {
      experiment: trainer.experiment,
      data: { input, classes: dataset.classes },
      step: trainer.step,
      growth: trainer.growth.state,
      tensors: await trainer.runtime.exportTensors(),
    },
    0,
  );
  return { network, bytes: stateDictFile(network, 'tiny') };
}

describe.each(ZOO)('$name as host', (model) => {
  it('learns, and grows without losing a bit to an interruption', async () => {
    const options = optionsFor(model);
    const { trainer: whole } = await openTiny(options);
    const before = await tensorBits(whole);
    const { blueprint, layer } = growthOf(whole);
    const script = {
      2: [germinate(layer, blueprint)],
      6: [advance(layer)],
      10: [advance(layer), fossilize(layer)],
    };
    await follow(whole, script);
    expect(stages(whole)[0]).toMatch(new RegExp(`^${layer.replaceAll('.', '\\.')}:`));
    const after = await tensorBits(whole);
    const still = [...before].filter(
      ([name, b]) => !name.startsWith('moment') && after.get(name) === b,
    );
    // A bias that batch norm takes away again is the only thing that may stand still.
    expect(still.map(([name]) => name).filter((n) => !/^features\.\d+\.bias$/.test(n))).toEqual([]);

    const storage = memoryRunStorage();
    const { trainer: first } = await openTiny({ ...options, storage });
    await follow(first, script, 7);
    await first.save();
    const { trainer: second } = await openTiny({ ...options, storage, resume: true });
    await follow(second, script);
    expect(await second.digest()).toBe(await whole.digest());
    for (const t of [whole, first, second]) t.dispose();
  });

  it('takes back the weights it gave away, bit for bit', async () => {
    const options = optionsFor(model, { growth: { enabled: false } });
    const { trainer } = await runTiny(options);
    const { bytes, network } = await fileOf(trainer, model, options.dataset);
    const names = wantedTensors(evaluationGraph(network).graph).map((w) => w.name);
    expect([...readSafetensors(bytes, 'tiny').tensors.keys()].sort()).toEqual(names.sort());
    const initialWeights = await readInitialWeights(bytes, 'tiny.safetensors');
    const again = await openTiny({ ...options, initialWeights });
    const [gave, took] = [await tensorBits(trainer), await tensorBits(again.trainer)];
    for (const name of names) expect(took.get(name), name).toBe(gave.get(name));
    expect(bits((await again.trainer.predict(options.dataset.test.x)).logits)).toBe(
      bits((await trainer.predict(options.dataset.test.x)).logits),
    );
    trainer.dispose();
    again.trainer.dispose();
  });
});

const resnet = ZOO.find((m) => m.name === 'resnet8')!;

describe('running statistics', () => {
  it('are moved by training alone: not by looking, evaluating or a seed behind the host', async () => {
    const alone = await runTiny(
      optionsFor(resnet, { intervalSteps: 100, growth: { enabled: false } }),
    );
    const { trainer } = await openTiny(optionsFor(resnet));
    await follow(trainer, { 2: [germinate('layer2.0.conv1', 'conv3x3-4')] });
    expect(stages(trainer)).toEqual(['layer2.0.conv1:TRAINING']);
    await trainer.evaluate('test');
    const [a, b] = [await tensorBits(alone.trainer), await tensorBits(trainer)];
    const states = [...a.keys()].filter((name) => name.includes('running_'));
    expect(states).toHaveLength(18);
    for (const name of states) expect(b.get(name), name).toBe(a.get(name));
    alone.trainer.dispose();
    trainer.dispose();
  });

  it('go back with a rollback', async () => {
    const { trainer } = await openTiny(optionsFor(resnet));
    await trainer.train(4);
    trainer.runtime.arena.takeSnapshot();
    const before = await tensorBits(trainer);
    trainer.runtime.run(4, 2, () => ({ alphas: [1], learningRate: 0.1 }));
    expect(await tensorBits(trainer)).not.toEqual(before);
    trainer.runtime.arena.restoreSnapshot();
    expect(await tensorBits(trainer)).toEqual(before);
    trainer.dispose();
  });
});

describe('initial weights that do not fit', () => {
  it('are refused with every fault at once', async () => {
    const [mlp] = ZOO as [ZooModel];
    const small = optionsFor(mlp, { growth: { enabled: false } });
    const { trainer } = await openTiny(small);
    const { bytes } = await fileOf(trainer, mlp, small.dataset);
    const other = { ...mlp, host: { ...mlp.host, hidden: [5, 7, 2] } } as ZooModel;
    const initialWeights = await readInitialWeights(bytes, 'small.safetensors');
    const options = { ...optionsFor(other), initialWeights };
    await expect(openTiny(options)).rejects.toThrow(
      'Cannot load the weights of "small.safetensors": missing: "fc4.weight" [3, 2], "fc4.bias" [3]; of another shape: "fc2.weight" is [6, 5], must be [7, 5], "fc2.bias" is [6], must be [7], "fc3.weight" is [3, 6], must be [2, 7], "fc3.bias" is [3], must be [2]',
    );
    trainer.dispose();
  });
});
