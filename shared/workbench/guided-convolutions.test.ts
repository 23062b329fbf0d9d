/** GradMaxOpt, and TINY on convolutions, in runs and against sums in float64. */
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../data/dataset.ts';
import { tiny } from '../tamiyo/tiny.ts';
import { follow, openTiny, runTiny, type TinyInput, tinyExperiment } from '../tolaria/_test-run.ts';
import { GrowthStatistics } from '../tolaria/growth-statistics.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { guided, of, oneSet, settings, slopeAlongUnits } from './_test-guided.ts';

describe('GradMaxOpt in a run', () => {
  const more = (ascentSteps?: number): TinyInput => ({
    growth: { blueprints: ['widen-6'], maxSeeds: 1 },
    policy: {
      ...({ kind: 'gradmax', variant: 'optimised', settings } as const),
      ...(ascentSteps === undefined ? {} : { ascentSteps }),
    },
  });

  it('plants units that climbed, the same in every run, and others after other steps', async () => {
    const first = await runTiny(guided(more()));
    const decision = of(first.events, 'decision').find((e) => e.decision.action === 'germinate');
    expect(decision?.decision).toMatchObject({ rule: 'gradmax', initialise: 'gradmax-optimised' });
    expect(of(first.events, 'notice').some((e) => e.message.includes('(GradMaxOpt)'))).toBe(true);
    const again = await runTiny(guided(more()));
    expect(again.digest).toBe(first.digest);
    const few = await runTiny(guided(more(1)));
    expect(few.digest).not.toBe(first.digest);
    for (const run of [first, again, few]) run.trainer.dispose();
  });
});

describe('TINY on convolutions', () => {
  const cnn = (kernelSize: number): TinyInput['host'] => ({
    ...({ kind: 'cnn', pool: 'global', activation: 'tanh' } as const),
    ...{ channels: [3], kernelSize },
  });
  const INPUT = [4, 5, 2];
  /** Four outputs of a 1x1 layer in two groups; a 3x3 seed has the layer's gaps. */
  const GROUPS = 2;
  const DILATION = 2;
  const depthwise: TinyInput['host'] = {
    kind: 'layers',
    layers: [
      {
        ...{ kind: 'conv2d', channels: 4, kernelSize: 1 },
        ...{ dilation: DILATION, groups: GROUPS },
      },
      { kind: 'activation', activation: 'tanh' },
      { kind: 'global-pool' },
      { kind: 'linear', units: 'classes' },
    ],
  };

  /** Patches of the 1x1 layer and of a 3x3 seed, and G at every position, in float64. */
  async function positionsByHand(
    trainer: Trainer,
    { features, train }: Dataset,
    { groups = 1, dilation = 1, outputs = 3 } = {},
  ) {
    const channelsOut = Array.from({ length: outputs }, (_, o) => o);
    const tensors = await trainer.runtime.exportTensors();
    const read = (name: string) => tensors.get(name)!.data;
    const [w, b] = [read('conv1.weight'), read('conv1.bias')];
    const [v, c] = [read('fc1.weight'), read('fc1.bias')];
    const [height, width, channels] = INPUT as [number, number, number];
    const rows: { h1: number[]; h2: number[]; g: number[] }[] = [];
    for (let r = 0; r < train.size; r++) {
      const x = train.x.subarray(r * features, (r + 1) * features);
      const at = (y: number, u: number, f: number) =>
        y < 0 || u < 0 || y >= height || u >= width ? 0 : x[(y * width + u) * channels + f]!;
      const own: { h1: number[]; h2: number[]; h: number[] }[] = [];
      for (let y = 0; y < height; y++) {
        for (let u = 0; u < width; u++) {
          const h1 = [at(y, u, 0), at(y, u, 1)];
          const h2 = [-dilation, 0, dilation].flatMap((dy) =>
            [-dilation, 0, dilation].flatMap((dx) => [0, 1].map((f) => at(y + dy, u + dx, f))),
          );
          const z = channelsOut.map((o) => {
            if (groups === 1) return h1.reduce((s, p, f) => s + p * w[f * outputs + o]!, b[o]!);
            return h1[Math.floor(o / (outputs / groups))]! * w[o]! + b[o]!;
          });
          own.push({ h1, h2, h: z.map(Math.tanh) });
        }
      }
      const pooled = channelsOut.map((o) => own.reduce((s, p) => s + p.h[o]!, 0) / own.length);
      const z = [0, 1].map((k) => pooled.reduce((s, p, o) => s + p * v[o * 2 + k]!, c[k]!));
      const total = z.reduce((s, e) => s + Math.exp(e), 0);
      const back = z.map((e, k) => Number(train.y[r] === k) - Math.exp(e) / total);
      for (const { h, h1, h2 } of own) {
        const slope = (o: number) => back.reduce((s, d, k) => s + d * v[o * 2 + k]!, 0);
        const g = h.map((a, o) => (slope(o) / own.length) * (1 - a * a));
        rows.push({ h1: [...h1, 1], h2: [...h2, 1], g });
      }
    }
    return rows;
  }

  async function statistics(host = cnn(1), window: object = { padding: 1 }) {
    const data = oneSet(INPUT);
    const experiment = tinyExperiment({ host });
    const { trainer } = await openTiny({ experiment, dataset: data });
    await follow(trainer, {}, 5);
    const convolution = { kernelSize: 3, stride: 1, padding: 1, ...window };
    const request = { layerId: 'conv1', convolution, grams: true };
    const { growth, runtime } = trainer;
    const made = await GrowthStatistics.create(runtime, experiment, [request], 99);
    const s = (await made.measure(5, growth.alphas(5)))[0]![0]!;
    made.dispose();
    return { data, experiment, s, trainer };
  }

  it.each([
    ['plain', cnn(1), {}, { outputs: 3 }],
    [
      'with groups and dilation',
      depthwise,
      { padding: DILATION, dilation: DILATION },
      { outputs: 4, groups: GROUPS, dilation: DILATION },
    ],
  ])(
    'sums over the patches of all positions, each sample once: %s',
    async (_, host, window, shape) => {
      const { data, s, trainer } = await statistics(host, window);
      const rows = await positionsByHand(trainer, data, shape);
      type Key = 'h1' | 'h2' | 'g';
      const cross = (a: Key, b: Key) =>
        rows[0]![a].flatMap((_, i) =>
          rows[0]![b].map((_, j) =>
            rows.reduce((sum, row) => sum + (row[a][i]! * row[b][j]!) / data.train.size, 0),
          ),
        );
      const close = (got: ArrayLike<number>, wanted: number[]) => {
        expect(got).toHaveLength(wanted.length);
        wanted.forEach((value, i) => {
          expect(Math.abs(got[i]! - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
        });
      };
      expect([s.inputs, s.outputs, s.grams!.hostInputs]).toEqual([18, shape.outputs, 3]);
      const joined = [
        { inputs: [0, 2], outputs: [0, 1] },
        { inputs: [1, 2], outputs: [2, 3] },
      ];
      expect(s.grams!.groups).toEqual('groups' in shape ? joined : null);
      close(s.cross, cross('h2', 'g'));
      close(s.grams!.s1, cross('h1', 'h1'));
      close(s.grams!.s2, cross('h2', 'h2'));
      close(s.grams!.s21, cross('h2', 'h1'));
      close(s.grams!.h1g, cross('h1', 'g'));
      const square = rows.reduce((t, { g }) => t + g.reduce((a, d) => a + d * d, 0), 0);
      expect(s.grams!.gradientSquare).toBeCloseTo(square / data.train.size, 6);
      trainer.dispose();
    },
  );

  it.each([
    ['plain', cnn(1), {}],
    ['with groups and dilation', depthwise, { padding: DILATION, dilation: DILATION }],
  ])(
    'finds units along which the loss falls as fast as their score says: %s',
    async (_, host, window) => {
      const { experiment, s, trainer } = await statistics(host, window);
      const { gradientSquare, groups, h1g, hostInputs, s1, s2, s21 } = s.grams!;
      const sizes = { inputs: s.inputs, outputs: s.outputs };
      const widths = { c1: hostInputs, c2: s.inputs + 1, c: s.outputs };
      const found = tiny({ ...widths, s1, s2, s21, h1g, h2g: s.cross, gradientSquare, groups }, 2);
      expect(found.values.length).toBeGreaterThan(0);
      expect(found.score).toBeLessThanOrEqual(found.bottleneck * (1 + 1e-6));
      const slope = await slopeAlongUnits(trainer, experiment, found, sizes, 5);
      expect(-slope / found.score).toBeCloseTo(1, 1);
      trainer.dispose();
    },
  );

  it('grows a 3x3 convolution beside a 1x1 layer, and nothing where the seed sees no more', async () => {
    const more = (kernelSize: number): TinyInput => ({
      host: cnn(kernelSize),
      growth: { reach: 'span', blueprints: ['conv3x3-2'], layers: ['conv1'], maxSeeds: 1 },
      policy: { kind: 'tiny', settings },
    });
    const wide = await runTiny(guided(more(1), INPUT));
    const decision = of(wide.events, 'decision').find((e) => e.decision.action === 'germinate');
    expect(decision?.decision).toMatchObject({ rule: 'tiny', layerId: 'conv1' });
    expect(of(wide.events, 'notice').some((e) => e.message.includes('(TINY)'))).toBe(true);
    // In groups a 1x1 seed sees what its layer does not: the channels of the others.
    const mixing = await runTiny(
      guided(
        {
          host: depthwise,
          growth: { blueprints: ['conv1x1-2'], layers: ['conv1'], maxSeeds: 1 },
          policy: { kind: 'tiny', settings },
        },
        INPUT,
      ),
    );
    expect(
      of(mixing.events, 'decision').find((e) => e.decision.action === 'germinate')?.decision,
    ).toMatchObject({ rule: 'tiny', layerId: 'conv1', blueprint: 'conv1x1-2' });
    mixing.trainer.dispose();
    const same = await runTiny(guided(more(3), INPUT));
    expect(same.trainer.growth.state.germinated).toBe(0);
    const wait = of(same.events, 'decision').find((e) => e.decision.rule === 'do-not-grow');
    expect(wait?.decision.reason).toContain("nothing that the layer's own weights cannot");
    for (const run of [wide, same]) run.trainer.dispose();
  });
});
