import { describe, expect, it } from 'vitest';
import type { Dataset } from '../data/dataset.ts';
import { follow, openTiny, runTiny, tinyExperiment } from '../tolaria/_test-run.ts';
import { GrowthStatistics } from '../tolaria/growth-statistics.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { guided, of, oneSet, settings, slopeAlongUnits } from './_test-guided.ts';

/** h and G = -dL/dz per sample of an MLP with one hidden tanh layer, in float64. */
async function byHand(trainer: Trainer, data: Dataset) {
  const tensors = await trainer.runtime.exportTensors();
  const read = (name: string) => tensors.get(name)!.data;
  const [w1, b1, w2, b2] = ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'].map(read);
  const { features, train } = data;
  const hidden = b1!.length;
  return Array.from({ length: train.size }, (_, r) => {
    const x = Array.from(train.x.subarray(r * features, (r + 1) * features));
    const h = Array.from({ length: hidden }, (_, j) =>
      Math.tanh(x.reduce((s, v, i) => s + v * w1![i * hidden + j]!, b1![j]!)),
    );
    const z = [0, 1].map((k) => h.reduce((s, v, j) => s + v * w2![j * 2 + k]!, b2![k]!));
    const total = z.reduce((s, v) => s + Math.exp(v), 0);
    const g = z.map((v, k) => (train.y[r] === k ? 1 : 0) - Math.exp(v) / total);
    return { x: [...x, 1], h: [...h, 1], g };
  });
}

describe('growth statistics', () => {
  it('are the sums over the batch, ones included', async () => {
    const data = oneSet([3]);
    const experiment = tinyExperiment({ growth: { reach: 'span' } });
    const { trainer } = await openTiny({ experiment, dataset: data });
    await follow(trainer, {}, 10);
    const request = { layerId: 'fc2', convolution: null, grams: true };
    const made = await GrowthStatistics.create(trainer.runtime, experiment, [request], 99);
    expect(made.rows).toBe(data.train.size);
    const s = (await made.measure(10, [1]))[0]![0]!;
    const rows = await byHand(trainer, data);
    const n = rows.length;
    type Key = 'x' | 'h' | 'g';
    const cross = (a: Key, b: Key) =>
      rows[0]![a].flatMap((_, i) =>
        rows[0]![b].map((_, j) => rows.reduce((s, row) => s + row[a][i]! * row[b][j]!, 0) / n),
      );
    const close = (got: ArrayLike<number>, wanted: number[]) => {
      expect(got).toHaveLength(wanted.length);
      wanted.forEach((v, i) => {
        expect(got[i]).toBeCloseTo(v, 5);
      });
    };
    expect([s.inputs, s.outputs]).toEqual([3, 2]);
    close(s.cross, cross('x', 'g'));
    close(s.grams!.s1, cross('h', 'h'));
    close(s.grams!.s2, cross('x', 'x'));
    close(s.grams!.s21, cross('x', 'h'));
    close(s.grams!.h1g, cross('h', 'g'));
    const square = rows.reduce((t, { g }) => t + g[0]! ** 2 + g[1]! ** 2, 0) / n;
    expect(s.grams!.gradientSquare).toBeCloseTo(square, 5);
    made.dispose();
    trainer.dispose();
  });

  it('are the slope of the loss along new weights, for images too', async () => {
    const data = oneSet([4, 5, 2]);
    const kinds = { kind: 'cnn', pool: 'avg', activation: 'tanh' } as const;
    const host = { ...kinds, channels: [3] };
    const experiment = tinyExperiment({ host });
    const { trainer } = await openTiny({ experiment, dataset: data });
    await follow(trainer, {}, 5);
    const { growth, runtime } = trainer;
    const convolution = { kernelSize: 3, stride: 1, padding: 1 };
    const request = { layerId: 'conv1', convolution, grams: false };
    const made = await GrowthStatistics.create(runtime, experiment, [request], 99);
    const { cross, inputs, outputs } = (await made.measure(5, growth.alphas(5)))[0]![0]!;
    expect([inputs, outputs]).toEqual([18, 3]);
    // One unit with fan-in e_i and fan-out e_o feels the sum of that input with that output.
    for (const [i, o] of [
      [0, 0],
      [7, 2],
      [17, 1],
    ] as const) {
      const fanIn = new Float64Array(inputs + 1);
      fanIn[i] = 1;
      const fanOut = new Float64Array(outputs);
      fanOut[o] = 1;
      const units = { fanIn: [fanIn], fanOut: [fanOut] };
      const slope = await slopeAlongUnits(trainer, experiment, units, { inputs, outputs }, 5);
      expect(-slope).toBeCloseTo(cross[i * outputs + o]!, 2);
    }
    made.dispose();
    trainer.dispose();
  });
});

describe('GradMax in a run', () => {
  const more = {
    growth: { blueprints: ['widen-6'], maxSeeds: 1 },
    policy: { kind: 'gradmax' as const, settings },
  };

  it('plants where the gradient is largest, with the directions it found', async () => {
    const { events, trainer } = await runTiny(guided(more));
    const [decision] = of(events, 'decision')
      .map((e) => e.decision)
      .filter((d) => d.action === 'germinate');
    expect(decision).toMatchObject({ rule: 'gradmax', initialise: 'gradmax' });
    const notice = of(events, 'notice').find((e) => e.message.includes('GradMax'));
    // A layer of two outputs has two directions; the other units start as the blueprint says.
    expect(notice?.message).toMatch(/^Seed s1 of fc\d: \d of 6 units/);
    const purposes = of(events, 'policy-cost').map((e) => e.purpose);
    expect(purposes).toEqual(['statistics', 'initialise']);
    trainer.dispose();
  });

  it('gives the new units a larger gradient than random fan-out of the same size does', async () => {
    const run = guided(more);
    const { trainer } = await openTiny(run);
    while (!trainer.growth.seeds().length) await trainer.train(trainer.step + 5);
    const { growth, runtime, step } = trainer;
    const { layerId, seedId } = growth.seeds()[0]!;
    const prefix = `${layerId}.seeds.${seedId}`;
    // Fan-in zero: the seed adds nothing yet.
    const into = await runtime.arena.readParameter(`${prefix}.hidden.weight`, 0);
    const out = await runtime.arena.readParameter(`${prefix}.out.weight`, 0);
    const outputs = out.length / 6;
    const used = [0, 1, 2, 3, 4, 5].filter((j) =>
      out.subarray(j * outputs, (j + 1) * outputs).some((v) => v !== 0),
    );
    expect(used.length).toBeGreaterThan(0);
    for (const j of used) {
      for (let i = 0; i < into.length / 6; i++) expect(into[i * 6 + j]).toBe(0);
    }
    const site = growth.sites.find((s) => s.layerId === layerId)!;
    const request = { layerId, convolution: null, grams: false };
    const made = await GrowthStatistics.create(runtime, run.experiment, [request], 99);
    const { cross, inputs } = (await made.measure(step, growth.alphas(step)))[0]![0]!;
    const gradient = (v: ArrayLike<number>) => {
      let square = 0;
      for (let i = 0; i <= inputs; i++) {
        let sum = 0;
        for (let o = 0; o < outputs; o++) sum += cross[i * outputs + o]! * v[o]!;
        square += sum * sum;
      }
      return square;
    };
    const first = out.subarray(used[0]! * outputs, (used[0]! + 1) * outputs);
    const norm = Math.hypot(...first);
    for (let a = 0; a < 12; a++) {
      const angle = (a * Math.PI) / 12;
      const other = Array.from({ length: outputs }, (_, o) =>
        o === 0 ? norm * Math.cos(angle) : o === 1 ? norm * Math.sin(angle) : 0,
      );
      expect(gradient(other)).toBeLessThanOrEqual(gradient(first) * 1.0001);
    }
    expect(site.outFeatures).toBe(outputs);
    made.dispose();
    trainer.dispose();
  });

  it('is the same run twice, and leaves the host as a run without computed weights has it', async () => {
    const [first, second] = [await runTiny(guided(more)), await runTiny(guided(more))];
    expect(first.digest).toBe(second.digest);
    const planted = await openTiny(guided(more));
    const plain = await openTiny({ ...guided(more), advisor: undefined as never });
    await follow(planted.trainer, {}, 25);
    const seed = planted.trainer.growth.seeds()[0]!;
    const germinate = { kind: 'germinate', layerId: seed.layerId, slot: 0, blueprint: 'widen-6' };
    await follow(plain.trainer, { 15: [germinate as never] }, 25);
    const [a, b] = await Promise.all(
      [planted, plain].map((run) => run.trainer.runtime.exportTensors()),
    );
    for (const [name, tensor] of b!) {
      if (!name.includes('.seeds.'))
        expect([name, a!.get(name)!.data]).toEqual([name, tensor.data]);
    }
    for (const run of [first, second, planted, plain]) run.trainer.dispose();
  });
});

describe('TINY in a run', () => {
  const more = {
    host: { kind: 'mlp' as const, hidden: [1], activation: 'tanh' as const },
    growth: { reach: 'span' as const, blueprints: ['widen-4'], maxSeeds: 1 },
    policy: { kind: 'tiny' as const, settings },
  };

  it('grows around a bottleneck with units that lower the loss at once', async () => {
    const { events, trainer } = await runTiny(guided(more, [6]));
    const decision = of(events, 'decision')
      .map((e) => e.decision)
      .find((d) => d.action === 'germinate');
    expect(decision).toMatchObject({ rule: 'tiny', layerId: 'fc2', initialise: 'tiny' });
    const value = (name: string) => decision!.evidence.find((e) => e.name === name)!.value!;
    expect(value('lossAtBestAmplitude')).toBeLessThan(value('lossWithout'));
    expect(value('bottleneck')).toBeGreaterThan(0);
    expect(of(events, 'notice').some((e) => e.message.includes('(TINY)'))).toBe(true);
    expect(of(events, 'policy-cost').map((e) => e.purpose)).toContain('line-search');
    trainer.dispose();
  });

  it('does not grow where the seed reads what the layer reads, and says why', async () => {
    const growth = { ...more.growth, reach: 'layer' as const };
    const { events, trainer } = await runTiny(guided({ ...more, growth }, [6]));
    expect(trainer.growth.state.germinated).toBe(0);
    const wait = of(events, 'decision').find((e) => e.decision.rule === 'do-not-grow');
    expect(wait?.decision.reason).toContain("nothing that the layer's own weights cannot");
    trainer.dispose();
  });

  it('does not grow when the best amplitude gains less than it must', async () => {
    const policy = { ...more.policy, minBenefit: 0.999 };
    const { events, trainer } = await runTiny(guided({ ...more, policy }, [6]));
    expect(trainer.growth.state.germinated).toBe(0);
    const wait = of(events, 'decision').find((e) => e.decision.rule === 'do-not-grow');
    expect(wait?.decision.reason).toMatch(/would lower the loss by .* %, less than 99.9 %/);
    trainer.dispose();
  });
});
