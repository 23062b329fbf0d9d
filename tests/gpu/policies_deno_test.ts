/** What policies measure, on a real adapter: the same runs as the unit tests of shared/tolaria. */
import assert from 'node:assert/strict';
import { libraryBlueprint } from '../../shared/blueprints/library.ts';
import { createGpuBackend } from '../../shared/engine/gpu/gpu-backend.ts';
import { createReferenceBackend } from '../../shared/engine/reference/reference-backend.ts';
import {
  advance,
  bits,
  follow,
  germinate,
  openTiny,
  runTiny,
  tinyDataset,
  tinyExperiment,
} from '../../shared/tolaria/_test-run.ts';
import { AlphaEvaluator } from '../../shared/tolaria/alpha-evaluator.ts';
import { GrowthStatistics, type SiteStatistics } from '../../shared/tolaria/growth-statistics.ts';
import { TrialNetwork } from '../../shared/tolaria/trial-network.ts';

const backend = await createGpuBackend(navigator.gpu);
/** The device outlives each of the tests. */
const options = { sanitizeOps: false, sanitizeResources: false } as const;
const test = (name: string, run: () => Promise<void>) =>
  Deno.test(`policies/${name}`, options, run);

test('alpha settings as replicas give the losses of evaluations one by one', async () => {
  const hosts = [
    {
      host: { kind: 'mlp' as const, hidden: [5] },
      input: [3],
      layer: 'fc1',
      blueprint: 'widen-3',
      replicas: 2,
    },
    {
      host: { kind: 'cnn' as const, channels: [3], pool: 'avg' as const },
      input: [4, 5, 2],
      layer: 'conv1',
      blueprint: 'conv3x3-2',
      replicas: 1,
    },
  ];
  for (const { host, input, layer, blueprint, replicas } of hosts) {
    const { trainer } = await openTiny({
      ...{ backend, dataset: tinyDataset(input) },
      experiment: tinyExperiment({ host, replicas }),
    });
    await follow(trainer, { 1: [germinate(layer, blueprint)], 11: [advance(layer)] }, 34);
    const evaluator = await AlphaEvaluator.create(trainer.runtime, trainer.experiment, 7);
    const alphas = [0, 0.25, 0.5, 0.75, 1, 0.1, 0.3, 0.6, 0.9];
    const fused = await evaluator.losses(alphas.map((a) => new Map([['s1', a]])));
    for (const [i, a] of alphas.entries()) {
      const row = trainer.growth.alphas(34).map((x, c) => (c === 0 ? x : a));
      const { loss } = await trainer.runtime.evaluate('validation', row);
      const mean = loss.reduce((x, y) => x + y, 0) / replicas;
      assert.ok(Math.abs(fused[i]! - mean) <= 1e-6 * Math.abs(mean), `${fused[i]} != ${mean}`);
    }
    evaluator.dispose();
    trainer.dispose();
  }
});

test('a landscape at graft time changes no bit of the run', async () => {
  const life = { 1: [germinate('fc1', 'widen-3')], 12: [advance('fc1')] };
  const digests: string[] = [];
  for (const alphaLandscape of ['off', 'show'] as const) {
    const experiment = tinyExperiment({ growth: { alphaLandscape } });
    const run = await runTiny({ backend, experiment }, life);
    digests.push(run.digest);
    run.trainer.dispose();
  }
  assert.equal(digests[0], digests[1]);
});

test('growth statistics of the device are those of float64', async () => {
  const cases = [
    {
      experiment: tinyExperiment({ host: { kind: 'mlp', hidden: [5] }, growth: { reach: 'span' } }),
      ...{ input: [7], layerId: 'fc2', convolution: null },
    },
    {
      experiment: tinyExperiment({ host: { kind: 'cnn', channels: [3], pool: 'avg' } }),
      ...{ input: [4, 5, 2], layerId: 'conv1' },
      convolution: { kernelSize: 3, stride: 1, padding: 1 },
    },
  ];
  for (const { convolution, experiment, input, layerId } of cases) {
    const found = [];
    for (const where of [backend, createReferenceBackend()]) {
      const { trainer } = await openTiny({
        ...{ backend: where, experiment, dataset: tinyDataset(input) },
      });
      const request = { layerId, convolution, grams: true };
      const made = await GrowthStatistics.create(trainer.runtime, experiment, [request], 64);
      found.push((await made.measure(0, [1]))[0]![0]!);
      made.dispose();
      trainer.dispose();
    }
    const [device, reference] = found as [SiteStatistics, SiteStatistics];
    const tables = (s: SiteStatistics) => [
      s.cross,
      ...(s.grams ? [s.grams.s1, s.grams.s2, s.grams.s21, s.grams.h1g] : []),
    ];
    const wanted = tables(reference);
    tables(device).forEach((table, i) => {
      const largest = Math.max(...wanted[i]!.map(Math.abs));
      table.forEach((v, k) => {
        assert.ok(Math.abs(v - wanted[i]![k]!) <= 1e-5 * largest, `${i}[${k}]: ${v}`);
      });
    });
  }
});

test('a trial branch without a seed gets to where the run gets, bit for bit', async () => {
  const { trainer } = await openTiny({ backend });
  await follow(trainer, {}, 10);
  const before = await trainer.digest();
  const trial = {
    ...{ id: 'trial', layerId: 'fc1', slot: 0, blendMode: 'add' as const },
    blueprint: libraryBlueprint('widen-3'),
  };
  const { experiment, runtime } = trainer;
  const network = await TrialNetwork.create(runtime, experiment, [trial], 10, null);
  const rowAt = () => ({ alphas: [1], learningRate: 0.02 });
  network.train(10, 40, rowAt);
  assert.equal(await trainer.digest(), before);
  runtime.run(10, 40, rowAt);
  for (const { name } of runtime.arena.parameters) {
    const own = bits(await runtime.arena.readParameter(name, 0));
    assert.equal(bits(await network.readParameter(name, 0)), own, name);
    assert.notEqual(bits(await network.readParameter(name, 1)), own, name);
  }
  network.dispose();
  trainer.dispose();
});
