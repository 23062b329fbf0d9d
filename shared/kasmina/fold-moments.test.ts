/** What becomes of an optimizer's moments when a seed is folded. */
import { describe, expect, it } from 'vitest';
import { libraryBlueprint } from '../blueprints/library.ts';
import type { HostLayer } from '../models/host.ts';
import { ascending, committed, FOLDABLE } from './_test-fold.ts';
import { foldSite } from './fold-site.ts';
import { foldedTensors, type Tensors } from './fold-tensors.ts';

const fc2: HostLayer[] = [
  { kind: 'linear', name: 'fc1', units: 4 },
  { kind: 'activation', activation: 'tanh' },
  { kind: 'linear', name: 'fc2', units: 3 },
  { kind: 'activation', activation: 'tanh' },
  { kind: 'linear', name: 'fc3', units: 2 },
];

describe('moments after folding', () => {
  it('leaves those of a matrix alone', () => {
    const site = foldSite({ layers: fc2, input: [5], reach: 'layer' }, 'fc2');
    const own = ['weight', 'bias'].flatMap((p) => ['', 'moment1/', 'moment2/'].map((m) => [p, m]));
    const tensors: Tensors = new Map(
      own.map(([p, m]) => [`${m}fc2.${p}`, ascending(p === 'bias' ? [3] : [4, 3], 0)]),
    );
    tensors.set('fc2.seeds.s1.down.weight', ascending([4, 2], 1));
    tensors.set('fc2.seeds.s1.up.weight', ascending([2, 3], 1));
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
      tensors.set(`${m}fc1.weight`, ascending([2, 4], 0));
      tensors.set(`${m}fc1.bias`, ascending([4], 0));
      tensors.set(`${m}fc2.weight`, ascending([4, 3], 0));
      tensors.set(`${m}fc2.bias`, ascending([3], 0));
      tensors.set(`${m}fc2.seeds.s1.hidden.weight`, ascending([2, 1], 10));
      tensors.set(`${m}fc2.seeds.s1.hidden.bias`, ascending([1], 20));
      tensors.set(`${m}fc2.seeds.s1.out.weight`, ascending([1, 3], 30));
      tensors.set(`${m}fc2.seeds.s1.out.bias`, ascending([3], 40));
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
      tensors.set(`${m}conv1.weight`, ascending([1, 1, 2, 1], 5));
      tensors.set(`${m}conv1.bias`, ascending([1], 0));
      tensors.set(`${m}conv1.seeds.s1.a.weight`, ascending([3, 3, 2, 1], 0));
      tensors.set(`${m}conv1.seeds.s1.a.bias`, ascending([1], 0));
      tensors.set(`${m}conv1.seeds.s1.b.weight`, ascending([1, 1, 1, 1], 1));
      tensors.set(`${m}conv1.seeds.s1.b.bias`, ascending([1], 0));
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
});
