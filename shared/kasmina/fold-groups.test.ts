/** Folding on convolutions with groups and dilation: the seed must keep to both. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import { createReferenceBackend } from '../engine/reference/reference-backend.ts';
import type { HostLayer } from '../models/host.ts';
import {
  ascending,
  committed,
  FOLDABLE,
  foldAll,
  gappyNetwork,
  gappySeeds,
  stepOf,
} from './_test-fold.ts';
import { topologyOf } from './_test-topology.ts';
import { FOLD_BOUND, foldForm } from './fold.ts';
import { foldSite } from './fold-site.ts';
import { foldedTensors, type Tensors } from './fold-tensors.ts';

const backend = createReferenceBackend();

describe('foldForm on a convolution with groups and dilation', () => {
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
        const { kernelSize, seedKernel } = c;
        const network = gappyNetwork(c);
        const seeds = gappySeeds(seedKernel, c.mode);
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

describe('moments after folding within groups', () => {
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
      tensors.set(`${m}conv1.weight`, ascending([1, 1, 1, 2], 50));
      tensors.set(`${m}conv1.bias`, ascending([2], 0));
      tensors.set(`${m}conv1.seeds.s1.out.weight`, ascending([3, 3, 1, 2], 0));
      tensors.set(`${m}conv1.seeds.s1.out.bias`, ascending([2], 0));
    }
    const seed = committed('conv1', libraryBlueprint('grouped-conv3x3'), 'add', 0);
    const folded = foldedTensors(seed, site, tensors, { moment1: 2, moment2: 2 });
    expect(folded.get('conv1.weight')!.shape).toEqual([1, 3, 3, 1, 2]);
    expect([...folded.get('conv1.weight')!.data.slice(6, 12)]).toEqual([6, 7, 58, 60, 10, 11]);
    const moments = [...folded.get('moment1/conv1.weight')!.data.slice(6, 12)];
    expect(moments).toEqual([12, 14, 50, 51, 20, 22]);
  });
});
