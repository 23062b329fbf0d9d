/** Settings of the training step: decay rules, smoothing, mixed losses, micro-batches. */
import { describe, expect, it } from 'vitest';
import { Experiment } from '../contracts/experiment.ts';
import { trainingGraph } from '../kasmina/growing-network.ts';
import { ZOO } from '../models/_test-zoo.ts';
import { optionsFor } from './_test-models.ts';
import {
  advance,
  germinate,
  openTiny,
  runTiny,
  type Script,
  type TinyInput,
  tensorBits,
  tinyExperiment,
} from './_test-run.ts';

const SGD = { kind: 'sgd', momentum: 0, learningRate: 0.1 } as const;

/** Parameters after `steps` steps. */
async function parametersAfter(steps: number, more: TinyInput): Promise<Map<string, Float32Array>> {
  const { trainer } = await openTiny({ experiment: tinyExperiment(more) });
  await trainer.train(steps);
  const tensors = await trainer.runtime.exportTensors();
  return new Map([...tensors].map(([name, t]) => [name, t.data]));
}

const largest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

describe('weightDecayRule', () => {
  it.each(['sgd', 'adam', 'adamw'] as const)('spares biases under %s', async (kind) => {
    const base = kind === 'sgd' ? SGD : ({ kind, learningRate: 0.1 } as const);
    const at = (weightDecay: number, rule?: 'all' | 'weights') =>
      parametersAfter(1, {
        optimizer: { ...base, weightDecay, ...(rule ? { weightDecayRule: rule } : {}) },
      });
    const [none, all, weights] = await Promise.all([at(0), at(0.5, 'all'), at(0.5, 'weights')]);
    const absent = await at(0.5);
    for (const name of ['fc1.weight', 'fc2.weight']) {
      expect(weights.get(name)).toEqual(all.get(name));
      expect(weights.get(name)).not.toEqual(none.get(name));
    }
    for (const name of ['fc1.bias', 'fc2.bias']) {
      expect(weights.get(name)).toEqual(none.get(name));
      expect(absent.get(name)).toEqual(all.get(name));
    }
  });

  it('lets biases grow as without decay over many steps and seeds', async () => {
    const script: Script = { 6: [germinate('fc1', 'widen-3')], 16: [advance('fc1')] };
    const optimizer = { ...SGD, weightDecay: 0.3, weightDecayRule: 'weights' } as const;
    const { trainer, digest } = await runTiny(
      { experiment: tinyExperiment({ optimizer }) },
      script,
    );
    expect(trainer.runtime.groups).toHaveLength(2);
    const again = await runTiny({ experiment: tinyExperiment({ optimizer }) }, script);
    expect(again.digest).toBe(digest);
    const other = { ...optimizer, weightDecayRule: 'all' } as const;
    const all = await runTiny({ experiment: tinyExperiment({ optimizer: other }) }, script);
    expect(all.digest).not.toBe(digest);
  });
});

describe('microBatches', () => {
  const host: TinyInput['host'] = { kind: 'mlp', hidden: [4, 3], activation: 'tanh' };

  it('gives the update of the whole batch, up to rounding', async () => {
    const whole = await parametersAfter(3, { host, optimizer: SGD, batchSize: 6 });
    for (const microBatches of [2, 3, 6]) {
      const parts = await parametersAfter(3, { host, optimizer: SGD, batchSize: 6, microBatches });
      for (const [name, values] of whole) {
        expect(largest(values, parts.get(name)!)).toBeLessThan(1e-6);
      }
    }
  });

  it('reports the loss and accuracy of all rows', async () => {
    const metrics = async (microBatches: number) => {
      const experiment = tinyExperiment({ host, optimizer: SGD, batchSize: 6, microBatches });
      const { trainer } = await openTiny({ experiment });
      trainer.runtime.run(0, 1, () => ({ alphas: [1, 0, 0, 0], learningRate: 0 }));
      return (await trainer.runtime.readMetrics(1)).metrics[0]!;
    };
    const [one, three] = [await metrics(1), await metrics(3)];
    expect(three.count).toEqual([6]);
    expect(three.correct).toEqual(one.correct);
    expect(three.loss[0]).toBeCloseTo(one.loss[0]!, 6);
  });

  it('changes no node where there is one part', () => {
    const topology = {
      layers: [{ kind: 'linear', name: 'fc1', units: 2 } as const],
      ...({ input: [2], seeds: [], incubation: 'shadow', reach: 'layer' } as const),
    };
    const source = { size: 9, batch: 6, mode: 'shuffle' } as const;
    const nodes = (microBatches?: number) =>
      trainingGraph(topology, source, 'cross-entropy', { microBatches }).graph.nodes;
    expect(nodes(1)).toEqual(nodes());
    expect(nodes(3).filter((n) => n.op === 'linear')).toHaveLength(3);
  });

  it('needs less memory for activations', async () => {
    const bytes = async (microBatches: number) => {
      const experiment = tinyExperiment({
        ...{ batchSize: 512, microBatches },
        host: { kind: 'mlp', hidden: [64, 64, 64] },
      });
      const { trainer } = await openTiny({ experiment });
      return trainer.runtime.report!.arenaBytes;
    };
    expect(await bytes(8)).toBeLessThan(0.5 * (await bytes(1)));
  });

  it('keeps replicas apart, seeds of their own and exact repeats, with dropout', async () => {
    const more: TinyInput = { host: { kind: 'mlp', hidden: [4], dropout: 0.25 }, microBatches: 2 };
    const script: Script = { 6: [germinate('fc1', 'widen-3')], 16: [advance('fc1')] };
    const [one, again] = [
      await runTiny({ experiment: tinyExperiment(more) }, script),
      await runTiny({ experiment: tinyExperiment(more) }, script),
    ];
    expect(again.digest).toBe(one.digest);
    const three = await runTiny({ experiment: tinyExperiment({ ...more, replicas: 3 }) }, script);
    const tensors = await three.trainer.runtime.exportTensors();
    const alone = await one.trainer.runtime.exportTensors();
    for (const [name, { data }] of alone) {
      expect([...tensors.get(name)!.data.slice(0, data.length)]).toEqual([...data]);
    }
  });

  it.each(ZOO.filter((m) => ['resnet8', 'gpt'].includes(m.name)))(
    'trains $name, its running statistics and its shared table included',
    async (model) => {
      const options = { batchSize: 6, microBatches: 3, steps: 6, growth: { enabled: false } };
      const states = async () => {
        const { trainer } = await openTiny(optionsFor(model, options));
        const before = await tensorBits(trainer);
        await trainer.train(6);
        const after = await tensorBits(trainer);
        const moved = [...before].filter(([name, own]) => after.get(name) !== own);
        return { digest: await trainer.digest(), moved: moved.map(([name]) => name) };
      };
      const [one, again] = [await states(), await states()];
      expect(again).toEqual(one);
      const want = model.name === 'gpt' ? 'transformer.wte.weight' : 'bn1.running_mean';
      expect(one.moved).toContain(want);
    },
  );

  it('is no trace of a seed in isolation for the host', async () => {
    const plain = await runTiny({ experiment: tinyExperiment({ microBatches: 3, steps: 20 }) });
    const seeded = await runTiny(
      { experiment: tinyExperiment({ microBatches: 3, steps: 20, growth: { trainingSteps: 90 } }) },
      { 6: [germinate('fc1', 'widen-3')] },
    );
    const bits = await tensorBits(seeded.trainer);
    expect([...bits.keys()].some((name) => name.includes('.seeds.'))).toBe(true);
    for (const [name, own] of await tensorBits(plain.trainer)) expect(bits.get(name)).toBe(own);
  });
});

describe('labelSmoothing and mixed losses', () => {
  it('trains on the smoothed target and reports the plain loss of an evaluation', async () => {
    const { trainer } = await openTiny({ experiment: tinyExperiment({ labelSmoothing: 0.2 }) });
    const plain = await openTiny({ experiment: tinyExperiment() });
    expect(await trainer.evaluate('test')).toEqual(await plain.trainer.evaluate('test'));
    await trainer.train(1);
    await plain.trainer.train(1);
    expect(await trainer.digest()).not.toBe(await plain.trainer.digest());
  });

  it('adds losses up by their weights', async () => {
    const at = async (loss: Experiment['loss']) => {
      const { trainer } = await openTiny({ experiment: tinyExperiment({ loss }) });
      return (await trainer.evaluate('test')).loss[0]!;
    };
    const [entropy, squares] = [await at('cross-entropy'), await at('mse')];
    const mixed = await at({ crossEntropy: 0.5, mse: 3 });
    expect(mixed).toBeCloseTo(0.5 * entropy + 3 * squares, 6);
  });

  it('starts the gradient from the weighted sum', async () => {
    const at = (loss: Experiment['loss']) => parametersAfter(1, { loss, optimizer: SGD });
    const [start, entropy, squares, mixed] = await Promise.all([
      parametersAfter(0, {}),
      at('cross-entropy'),
      at('mse'),
      at({ crossEntropy: 0.5, mse: 3 }),
    ]);
    for (const name of ['fc1.weight', 'fc2.bias']) {
      const want = start
        .get(name)!
        .map((v, i) => v + 0.5 * (entropy.get(name)![i]! - v) + 3 * (squares.get(name)![i]! - v));
      expect(largest(mixed.get(name)!, want)).toBeLessThan(1e-6);
    }
  });
});

describe('Experiment', () => {
  const parse = (more: object) =>
    Experiment.safeParse({ name: 'a', data: { source: 'moons' }, ...more });

  it('refuses settings that do not go together, by their key', () => {
    const cut = parse({ batchSize: 64, microBatches: 7 });
    expect(cut.error?.issues[0]).toMatchObject({
      path: ['microBatches'],
      message: 'a batch of 64 cannot be cut into 7 equal parts',
    });
    const smooth = parse({ loss: 'mse', labelSmoothing: 0.1 });
    expect(smooth.error?.issues[0]).toMatchObject({
      path: ['labelSmoothing'],
      message: 'is for cross-entropy; "loss" is mse',
    });
  });

  it('adds nothing to an experiment that does not name them', () => {
    const { data } = parse({});
    const keys = Object.keys(data!).filter((k) => /labelSmoothing|microBatches/.test(k));
    expect(keys).toEqual([]);
    expect(data!.optimizer).not.toHaveProperty('weightDecayRule');
    expect(data!.loss).toBe('cross-entropy');
  });
});
