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
