import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import type { HostLayer } from '../models/host.ts';
import { committed, FOLDABLE, foldAll, stepOf } from './_test-fold.ts';
import { ACTIVATIONS, layersOf, type Network, topologyOf } from './_test-topology.ts';
import { FOLD_BOUND, foldForm } from './fold.ts';
import { foldSite } from './fold-site.ts';
import { foldedTensors, type Tensors } from './fold-tensors.ts';

const backend = createReferenceBackend();

const fc2: HostLayer[] = [
  { kind: 'linear', name: 'fc1', units: 4 },
  { kind: 'activation', activation: 'tanh' },
  { kind: 'linear', name: 'fc2', units: 3 },
  { kind: 'activation', activation: 'tanh' },
  { kind: 'linear', name: 'fc3', units: 2 },
];
const conv: HostLayer[] = [
  { kind: 'conv2d', name: 'conv1', channels: 3, kernelSize: 3, stride: 1, padding: 1 },
];

const form = (
  blueprint: Blueprint,
  layer = 'fc2',
  more: { mode?: 'add' | 'replace' | 'multiply' | 'gate'; reach?: 'layer' | 'span' } = {},
  layers = layer.startsWith('fc') ? fc2 : conv,
) => {
  const { mode = 'add', reach = 'layer' } = more;
  const site = foldSite({ layers, input: layer.startsWith('fc') ? [5] : [6, 6, 2], reach }, layer);
  return foldForm({ ...committed(layer, blueprint, 'add', 0), blendMode: mode }, site);
};

describe('foldForm', () => {
  it('finds the place of what is linear', () => {
    expect(form(libraryBlueprint('low-rank-2'))).toEqual({ kind: 'matrix' });
    expect(form(FOLDABLE.residual)).toEqual({ kind: 'matrix' });
    expect(form(libraryBlueprint('identity'))).toEqual({ kind: 'matrix' });
    expect(form(libraryBlueprint('identity'), 'conv1')).toEqual({ kind: 'kernel', change: null });
    expect(form(FOLDABLE.kernel(3), 'conv1')).toEqual({ kind: 'kernel', change: null });
    expect(form(FOLDABLE.kernel(1), 'conv1')).toEqual({ kind: 'kernel', change: null });
    expect(form(FOLDABLE.kernel(5), 'conv1')).toEqual({
      kind: 'kernel',
      change: { layerId: 'conv1', kernelSize: 5, padding: 2 },
    });
  });

  it('finds the hidden layer that a widened unit can join', () => {
    const span = { reach: 'span' } as const;
    expect(form(libraryBlueprint('widen-6'), 'fc2', span)).toEqual({
      ...{ kind: 'widen', units: 6, before: 'fc1' },
    });
    // The first layer has none before it: the seed reads its own input.
    expect(form(libraryBlueprint('low-rank-2'), 'fc1', span)).toEqual({ kind: 'matrix' });
  });

  it.each([
    [form(libraryBlueprint('widen-3')), 'no hidden layer they could join'],
    [form(libraryBlueprint('widen-3-gelu'), 'fc2', { reach: 'span' }), 'its units are gelu'],
    [form(libraryBlueprint('low-rank-2'), 'fc2', { reach: 'span' }), 'around the tanh before it'],
    [form(libraryBlueprint('residual-mlp-2'), 'fc2', { reach: 'span' }), 'more than one nonlinear'],
    [form(libraryBlueprint('low-rank-2'), 'fc2', { mode: 'gate' }), 'mode "gate"'],
    [form(libraryBlueprint('low-rank-2'), 'fc2', { mode: 'multiply' }), 'mode "multiply"'],
    [form(libraryBlueprint('conv3x3-2'), 'conv1'), '"act" (activation) is not linear'],
  ])('says why a seed stays a graft: %#', (got, reason) => {
    expect(got).toEqual({ kind: 'grafted', reason: expect.stringContaining(reason) });
  });

  it.each<[HostLayer, string]>([
    [{ kind: 'layer-norm', name: 'fc2', grows: true }, 'layer-norm "fc2", has no matrix'],
    [{ kind: 'linear', name: 'fc2', units: 4, bias: false }, 'no bias'],
  ])('says why nothing folds into %j', (layer, reason) => {
    const layers = [...fc2.slice(0, 2), layer];
    expect(form(FOLDABLE.residual, 'fc2', {}, layers)).toEqual({
      ...{ kind: 'grafted', reason: expect.stringContaining(reason) },
    });
  });

  it('folds a seed without biases into a host without: there is none to take', () => {
    const bare = { ...fc2[0]!, bias: false } as HostLayer;
    const layers: HostLayer[] = [
      bare,
      fc2[1]!,
      { kind: 'linear', name: 'fc2', units: 3, bias: false },
    ];
    expect(form(libraryBlueprint('identity'), 'fc2', {}, layers)).toEqual({ kind: 'matrix' });
    const both = form(FOLDABLE.widenPlain('tanh'), 'fc2', { reach: 'span' }, layers);
    expect(both).toEqual({ kind: 'widen', units: 3, before: 'fc1' });
    // One of the two layers without a bias is enough to have no place for the seed's.
    const one = form(FOLDABLE.widen('tanh'), 'fc2', { reach: 'span' }, [bare, ...fc2.slice(1)]);
    expect(one).toEqual({
      ...{ kind: 'grafted', reason: expect.stringContaining('host "fc1" has no bias') },
    });
  });

  it('refuses widened units beside dropout, which they would be spared', () => {
    const layers = [...fc2.slice(0, 2), { kind: 'dropout', name: 'd', rate: 0.5 } as const];
    const made = libraryBlueprint('widen-3');
    expect(form(made, 'fc2', { reach: 'span' }, [...layers, ...fc2.slice(2)])).toEqual({
      ...{ kind: 'grafted', reason: expect.stringContaining('dropout') },
    });
  });

  describe('on a convolution with groups and dilation', () => {
    const on = (blueprint: Blueprint, more: object, input = [6, 6, 4]) => {
      const layer = {
        ...({ kind: 'conv2d', name: 'conv1', channels: 4, kernelSize: 3 } as const),
        ...{ stride: 1, padding: 2, ...more },
      };
      const site = foldSite({ layers: [layer], input, reach: 'layer' }, 'conv1');
      return foldForm(committed('conv1', blueprint, 'add', 0), site);
    };
    const kept = { kind: 'kernel', change: null };

    it('folds a window with the same gaps, and grows by whole steps of them', () => {
      expect(on(FOLDABLE.kernel(3), { dilation: 2 })).toEqual(kept);
      expect(on(FOLDABLE.kernel(1), { dilation: 2 })).toEqual(kept);
      expect(on(FOLDABLE.kernel(5), { dilation: 2 })).toEqual({
        ...{ kind: 'kernel', change: { layerId: 'conv1', kernelSize: 5, padding: 4 } },
      });
    });

    it('says why a window with other gaps stays a graft', () => {
      const near = structuredClone(FOLDABLE.kernel(3));
      Object.assign(near.nodes[0]!, { stride: 1 });
      expect(on(near, { dilation: 2 })).toEqual({
        ...{ kind: 'grafted', reason: expect.stringContaining('around the same centre') },
      });
      // A host of one tap has no gaps of its own, but its kernel would have them once it has more.
      expect(on(near, { dilation: 2, kernelSize: 1, padding: 0 })).toEqual({
        ...{ kind: 'grafted', reason: expect.stringContaining('1 apart and those of its host 2') },
      });
    });

    it('folds what stays within the groups, and says why another seed does not', () => {
      for (const groups of [2, 4]) {
        const more = { dilation: 2, groups };
        expect(on(libraryBlueprint('identity'), more)).toEqual(kept);
        expect(on(libraryBlueprint('grouped-conv3x3'), more)).toEqual(kept);
        for (const mixes of [FOLDABLE.kernel(3), FOLDABLE.kernel(1), FOLDABLE.separable(3)]) {
          expect(on(mixes, more)).toEqual({
            ...{ kind: 'grafted', reason: expect.stringContaining(`in ${groups} groups`) },
          });
        }
      }
      const each = structuredClone(FOLDABLE.separable(3));
      each.nodes.pop();
      each.output = 'a';
      // Each channel alone is within any groups.
      expect(on(each, { groups: 2, padding: 1 })).toEqual(kept);
    });
  });

  it('refuses two windows in a row: their borders differ from those of one', () => {
    const twice = structuredClone(FOLDABLE.kernel(3));
    twice.nodes = [
      twice.nodes[0]!,
      { ...twice.nodes[0]!, id: 'b', inputs: ['a'], stride: 1 },
    ] as never;
    twice.output = 'b';
    expect(form(twice, 'conv1')).toEqual({
      ...{ kind: 'grafted', reason: expect.stringContaining('border') },
    });
  });
});

/** A host and one or two seeds that fold, each on some layer of it. */
const dense = fc.record({
  hidden: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
  input: fc.integer({ min: 1, max: 5 }),
  activation: fc.constantFrom(...ACTIVATIONS),
  replicas: fc.integer({ min: 1, max: 2 }),
  draw: fc.nat(1e6),
  layer: fc.nat(2),
  mode: fc.constantFrom('add', 'replace' as const),
});

describe('folding a Linear host', () => {
  it('keeps the outputs, and leaves the dispatches of a host of that shape', async () => {
    await fc.assert(
      fc.asyncProperty(dense, fc.boolean(), async (c, wide) => {
        const host = { kind: 'mlp', hidden: c.hidden, activation: c.activation } as const;
        const network: Network = {
          ...{ host, input: [c.input], classes: 3, replicas: c.replicas },
          layers: layersOf(host, [c.input], 3),
        };
        const last = c.hidden.length;
        const seeds = wide
          ? // A widened layer twice, and a matrix behind it that has become wider by then.
            [0, 1].map((i) =>
              committed(`fc${2 + (c.layer % last)}`, FOLDABLE.widen(c.activation), 'add', i),
            )
          : [FOLDABLE.lowRank, FOLDABLE.residual].map((made, i) =>
              committed(`fc${1 + ((c.layer + i) % (last + 1))}`, made, i === 0 ? c.mode : 'add', i),
            );
        const reach = wide ? 'span' : 'layer';
        const folded = await foldAll(backend, network, seeds, reach, c.draw);
        expect(folded.deviation).toBeLessThanOrEqual(FOLD_BOUND);
        expect(stepOf(network, folded.topology)).toEqual(
          stepOf(network, { ...topologyOf(network, []), layers: folded.topology.layers }),
        );
        if (!wide) expect(folded.topology.layers).toEqual(network.layers);
        folded.runtime.dispose();
      }),
      { numRuns: 40, seed: 4 },
    );
  });
});

describe('folding a host without biases', () => {
  it('keeps the outputs, and makes no bias', async () => {
    await fc.assert(
      fc.asyncProperty(dense, async (c) => {
        const host = { kind: 'mlp', hidden: c.hidden, activation: c.activation } as const;
        const layers = layersOf(host, [c.input], 3).map((l) =>
          l.kind === 'linear' ? { ...l, bias: false } : l,
        );
        const network: Network = {
          ...{ host, input: [c.input], classes: 3, replicas: c.replicas, layers },
        };
        const seeds = [0, 1].map((i) =>
          committed(
            `fc${2 + (c.layer % c.hidden.length)}`,
            FOLDABLE.widenPlain(c.activation),
            'add',
            i,
          ),
        );
        const folded = await foldAll(backend, network, seeds, 'span', c.draw);
        expect(folded.deviation).toBeLessThanOrEqual(FOLD_BOUND);
        const names = folded.runtime.arena.parameters.map((p) => p.name);
        expect(names).toEqual(c.hidden.concat(3).map((_, i) => `fc${i + 1}.weight`));
        folded.runtime.dispose();
      }),
      { numRuns: 20, seed: 4 },
    );
  });
});

const convolutions = fc.record({
  channels: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 2 }),
  input: fc.tuple(
    fc.integer({ min: 4, max: 6 }),
    fc.integer({ min: 4, max: 6 }),
    fc.integer({ min: 1, max: 3 }),
  ),
  kernelSize: fc.constantFrom(1, 3),
  seedKernel: fc.constantFrom(1, 3, 5),
  made: fc.constantFrom('kernel', 'factored', 'separable' as const),
  layer: fc.nat(1),
  mode: fc.constantFrom('add', 'replace' as const),
  draw: fc.nat(1e6),
  replicas: fc.integer({ min: 1, max: 2 }),
});

describe('folding a Conv2d host', () => {
  it('keeps the outputs, 1x1 into 3x3 and larger windows too', async () => {
    await fc.assert(
      fc.asyncProperty(convolutions, async (c) => {
        const { channels, kernelSize, replicas } = c;
        const host = {
          kind: 'cnn',
          channels,
          kernelSize,
          activation: 'relu',
          pool: 'global',
        } as const;
        const network: Network = {
          ...{ host, input: c.input, classes: 3, replicas },
          layers: layersOf(host, c.input, 3),
        };
        const made = FOLDABLE[c.made](c.seedKernel);
        const layer = `conv${1 + (c.layer % channels.length)}`;
        const seeds = [
          committed(layer, made, c.mode, 0),
          committed(layer, FOLDABLE.kernel(1), 'add', 1),
        ];
        const folded = await foldAll(backend, network, seeds, 'layer', c.draw);
        expect(folded.deviation).toBeLessThanOrEqual(FOLD_BOUND);
        expect(folded.changes.length).toBe(c.seedKernel > kernelSize ? 1 : 0);
        expect(stepOf(network, folded.topology)).toEqual(
          stepOf(network, { ...topologyOf(network, []), layers: folded.topology.layers }),
        );
        folded.runtime.dispose();
      }),
      { numRuns: 30, seed: 4 },
    );
  });
});

const gappy = fc.record({
  groups: fc.integer({ min: 1, max: 3 }),
  inside: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  dilation: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 2 }),
  kernelSize: fc.constantFrom(1, 3),
  seedKernel: fc.constantFrom(1, 3, 5),
  mode: fc.constantFrom('add', 'replace' as const),
  draw: fc.nat(1e6),
});

describe('folding a Conv2d host with groups and dilation', () => {
  it('keeps the outputs, within groups and with gaps between taps', async () => {
    await fc.assert(
      fc.asyncProperty(gappy, async (c) => {
        const { dilation, groups, inside, kernelSize, seedKernel, stride } = c;
        const input = [6, 7, groups * inside[0]];
        const window = { kernelSize, stride, dilation, groups };
        const host: Network['host'] = {
          kind: 'layers',
          layers: [
            {
              ...{ kind: 'conv2d', channels: groups * inside[1], ...window },
              padding: (dilation * (kernelSize - 1)) / 2,
            },
            { kind: 'activation', activation: 'tanh' },
            { kind: 'global-pool' },
            { kind: 'linear', units: 'classes' },
          ],
        };
        const network: Network = {
          ...{ host, input, classes: 3, replicas: 1 },
          layers: layersOf(host, input, 3),
        };
        // The one that reads z first: what the other adds to it is not the host's own.
        const seeds = [
          committed('conv1', libraryBlueprint('identity'), 'add', 0),
          committed('conv1', FOLDABLE.grouped(seedKernel), c.mode, 1),
        ];
        const folded = await foldAll(backend, network, seeds, 'layer', c.draw);
        expect(folded.deviation).toBeLessThanOrEqual(FOLD_BOUND);
        expect(folded.changes.length).toBe(seedKernel > kernelSize ? 1 : 0);
        expect(stepOf(network, folded.topology)).toEqual(
          stepOf(network, { ...topologyOf(network, []), layers: folded.topology.layers }),
        );
        folded.runtime.dispose();
      }),
      { numRuns: 40, seed: 4 },
    );
  });
});

describe('moments after folding', () => {
  const values = (shape: number[], from: number) => ({
    shape: [1, ...shape],
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + i),
  });

  it('leaves those of a matrix alone', () => {
    const site = foldSite({ layers: fc2, input: [5], reach: 'layer' }, 'fc2');
    const own = ['weight', 'bias'].flatMap((p) => ['', 'moment1/', 'moment2/'].map((m) => [p, m]));
    const tensors: Tensors = new Map(
      own.map(([p, m]) => [`${m}fc2.${p}`, values(p === 'bias' ? [3] : [4, 3], 0)]),
    );
    tensors.set('fc2.seeds.s1.down.weight', values([4, 2], 1));
    tensors.set('fc2.seeds.s1.up.weight', values([2, 3], 1));
    const seed = committed('fc2', libraryBlueprint('low-rank-2'), 'add', 0);
    const folded = foldedTensors(seed, site, tensors, { moment1: 1, moment2: 1 });
    expect([...folded.keys()]).toEqual(['fc2.weight', 'fc2.bias']);
    // Row 0: [1, 2] @ [[1, 2, 3], [4, 5, 6]] + [0, 1, 2].
    expect([...folded.get('fc2.weight')!.data.slice(0, 3)]).toEqual([9, 13, 17]);
  });

  it('moves those of widened units with their weights, on the scale of the host', () => {
    const site = foldSite({ layers: fc2, input: [2], reach: 'span' }, 'fc2');
    const tensors: Tensors = new Map();
    for (const m of ['', 'moment1/', 'moment2/']) {
      tensors.set(`${m}fc1.weight`, values([2, 4], 0));
      tensors.set(`${m}fc1.bias`, values([4], 0));
      tensors.set(`${m}fc2.weight`, values([4, 3], 0));
      tensors.set(`${m}fc2.bias`, values([3], 0));
      tensors.set(`${m}fc2.seeds.s1.hidden.weight`, values([2, 1], 10));
      tensors.set(`${m}fc2.seeds.s1.hidden.bias`, values([1], 20));
      tensors.set(`${m}fc2.seeds.s1.out.weight`, values([1, 3], 30));
      tensors.set(`${m}fc2.seeds.s1.out.bias`, values([3], 40));
    }
    const seed = committed('fc2', libraryBlueprint('widen-1'), 'add', 0);
    const folded = foldedTensors(seed, site, tensors, { moment1: 2, moment2: 3 });
    const flat = (name: string) => [...folded.get(name)!.data];
    expect(folded.get('fc1.weight')!.shape).toEqual([1, 2, 5]);
    expect(flat('fc1.weight')).toEqual([0, 1, 2, 3, 10, 4, 5, 6, 7, 11]);
    expect(flat('moment1/fc1.weight')).toEqual([0, 1, 2, 3, 20, 4, 5, 6, 7, 22]);
    expect(flat('moment2/fc1.bias')).toEqual([0, 1, 2, 3, 60]);
    expect(flat('fc2.weight').slice(-3)).toEqual([30, 31, 32]);
    expect(flat('moment1/fc2.weight').slice(-3)).toEqual([60, 62, 64]);
    expect(flat('fc2.bias')).toEqual([40, 42, 44]);
    expect(folded.has('moment1/fc2.bias')).toBe(false);
  });

  it('gives taps that the host did not have the mean size of its own', () => {
    const layers: HostLayer[] = [
      { kind: 'conv2d', name: 'conv1', channels: 1, kernelSize: 1, stride: 1, padding: 0 },
    ];
    const site = foldSite({ layers, input: [4, 4, 2], reach: 'layer' }, 'conv1');
    const tensors: Tensors = new Map();
    for (const m of ['', 'moment1/', 'moment2/']) {
      tensors.set(`${m}conv1.weight`, values([1, 1, 2, 1], 5));
      tensors.set(`${m}conv1.bias`, values([1], 0));
      tensors.set(`${m}conv1.seeds.s1.a.weight`, values([3, 3, 2, 1], 0));
      tensors.set(`${m}conv1.seeds.s1.a.bias`, values([1], 0));
      tensors.set(`${m}conv1.seeds.s1.b.weight`, values([1, 1, 1, 1], 1));
      tensors.set(`${m}conv1.seeds.s1.b.bias`, values([1], 0));
    }
    const direct = committed('conv1', FOLDABLE.kernel(3), 'add', 0);
    const composed = structuredClone(direct);
    composed.blueprint.nodes.push({
      ...{ id: 'b', op: 'conv2d', inputs: ['a'], channels: 'out', kernelSize: 1 },
      ...{ stride: 1, bias: true, init: 'kaiming' },
    });
    composed.blueprint.output = 'b';
    const scale = { moment1: 2, moment2: 2 };
    const one = foldedTensors(direct, site, tensors, scale);
    expect([...one.get('moment1/conv1.weight')!.data.slice(6, 12)]).toEqual([12, 14, 5, 6, 20, 22]);
    const two = foldedTensors(composed, site, tensors, scale);
    expect([...two.get('moment1/conv1.weight')!.data.slice(6, 12)]).toEqual([0, 0, 5, 6, 0, 0]);
    expect([...two.get('moment2/conv1.weight')!.data.slice(6, 12)]).toEqual([
      5.5, 5.5, 5, 6, 5.5, 5.5,
    ]);
  });

  it('moves those of a seed in the groups of its host, where the layouts are the same', () => {
    const layers: HostLayer[] = [
      {
        ...{ kind: 'conv2d', name: 'conv1', channels: 2, kernelSize: 1, groups: 2 },
        ...{ stride: 1, padding: 0 },
      },
    ];
    const site = foldSite({ layers, input: [4, 4, 2], reach: 'layer' }, 'conv1');
    const tensors: Tensors = new Map();
    for (const m of ['', 'moment1/', 'moment2/']) {
      tensors.set(`${m}conv1.weight`, values([1, 1, 1, 2], 50));
      tensors.set(`${m}conv1.bias`, values([2], 0));
      tensors.set(`${m}conv1.seeds.s1.out.weight`, values([3, 3, 1, 2], 0));
      tensors.set(`${m}conv1.seeds.s1.out.bias`, values([2], 0));
    }
    const seed = committed('conv1', libraryBlueprint('grouped-conv3x3'), 'add', 0);
    const folded = foldedTensors(seed, site, tensors, { moment1: 2, moment2: 2 });
    expect(folded.get('conv1.weight')!.shape).toEqual([1, 3, 3, 1, 2]);
    expect([...folded.get('conv1.weight')!.data.slice(6, 12)]).toEqual([6, 7, 58, 60, 10, 11]);
    const moments = [...folded.get('moment1/conv1.weight')!.data.slice(6, 12)];
    expect(moments).toEqual([12, 14, 50, 51, 20, 22]);
  });
});
