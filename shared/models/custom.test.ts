import { describe, expect, it } from 'vitest';
import { HostSpec } from '../contracts/host.ts';
import type { HostLayerInput } from '../contracts/host-layers.ts';
import { Graph } from '../engine/plan/graph.ts';
import { controlTensor, evaluationForward } from '../kasmina/growing-network.ts';
import { isGrowable } from '../kasmina/kasmina-layer.ts';
import { hostLayers } from './host.ts';
import { torchShape, wantedTensors } from './state-dict.ts';

const build = (layers: HostLayerInput[], input = [12], classes = 3) =>
  hostLayers(HostSpec.parse({ kind: 'layers', layers }), input, classes);

/** PyTorch shapes of all tensors, by name. */
function tensorsOf(layers: HostLayerInput[], input: number[], classes = 3) {
  const graph = new Graph();
  const x = graph.create('x', [1, ...input], { role: 'external' });
  const host = build(layers, input, classes);
  const topology = {
    layers: host,
    input,
    seeds: [],
    incubation: 'shadow',
    reach: 'layer',
  } as const;
  const { logits } = evaluationForward(graph, controlTensor(graph), topology, x);
  expect(logits.shape).toEqual([1, classes]);
  return Object.fromEntries(
    wantedTensors(graph).map(({ kind, name, shape }) => [name, torchShape(kind, shape)]),
  );
}

const head: HostLayerInput = { kind: 'linear', units: 'classes' };

describe('a host of layers', () => {
  it('has the tensors that PyTorch has for the same list', () => {
    const tensors = tensorsOf(
      [
        { kind: 'conv2d', channels: 8, kernelSize: 3, stride: 2, padding: 1 },
        { kind: 'activation' },
        { kind: 'conv2d', name: 'depthwise', channels: 8, kernelSize: 3, padding: 1, groups: 8 },
        { kind: 'batch-norm' },
        { kind: 'pool', mode: 'avg', size: 2 },
        { kind: 'flatten' },
        head,
      ],
      [12, 12, 2],
    );
    expect(tensors).toEqual({
      'conv1.weight': [8, 2, 3, 3],
      'conv1.bias': [8],
      'depthwise.weight': [8, 1, 3, 3],
      'depthwise.bias': [8],
      'norm1.weight': [8],
      'norm1.bias': [8],
      'norm1.running_mean': [8],
      'norm1.running_var': [8],
      'fc1.weight': [3, 72],
      'fc1.bias': [3],
    });
  });

  it('names blocks, and what is in them, apart', () => {
    const tensors = tensorsOf(
      [
        { kind: 'embedding', channels: 8, vocabulary: 5 },
        { kind: 'positions' },
        {
          kind: 'residual',
          body: [{ kind: 'layer-norm' }, { kind: 'attention', heads: 2, causal: true }],
        },
        { kind: 'last-position' },
        head,
      ],
      [6],
    );
    expect(Object.keys(tensors)).toEqual([
      'embedding1.weight',
      'positions1.weight',
      'norm1.weight',
      'norm1.bias',
      'attention1.c_attn.weight',
      'attention1.c_attn.bias',
      'attention1.c_proj.weight',
      'attention1.c_proj.bias',
      'fc1.weight',
      'fc1.bias',
    ]);
    expect(tensors['attention1.c_attn.weight']).toEqual([24, 8]);
  });

  it('grows on linear and conv2d layers, unless told otherwise', () => {
    const layers = build(
      [
        { kind: 'conv2d', channels: 4, kernelSize: 1 },
        { kind: 'conv2d', channels: 4, kernelSize: 3, groups: 4 },
        { kind: 'batch-norm', seeds: true },
        { kind: 'global-pool' },
        { kind: 'linear', units: 5, seeds: false },
        head,
      ],
      [4, 4, 4],
    );
    expect(layers.filter(isGrowable).map((l) => l.name)).toEqual([
      'conv1',
      'conv2',
      'norm1',
      'fc2',
    ]);
  });
});

describe('a layer that does not fit', () => {
  const images = [5, 5, 3];
  const cases: [string, HostLayerInput[], number[], string][] = [
    [
      'an image layer on features',
      [{ kind: 'conv2d', name: 'first', channels: 4, kernelSize: 3 }],
      [12],
      'Cannot build "host.layers[0]" (conv2d "first"): its input is 12 features, and it reads images [height, width, channels]; give "imageShape" in "data"',
    ],
    [
      'a window that is too large, behind others',
      [
        { kind: 'conv2d', channels: 4, kernelSize: 3 },
        { kind: 'pool', size: 4 },
      ],
      images,
      'Cannot build "host.layers[1]" (pool): its input is [3, 3, 4], smaller than its window of 4',
    ],
    [
      'groups that do not divide the channels',
      [{ kind: 'conv2d', channels: 4, kernelSize: 1, groups: 2 }],
      images,
      'its 3 input channels cannot be cut into 2 groups',
    ],
    ['a linear layer on an image', [head], images, 'an image; put {"kind": "flatten"}'],
    [
      'a body that changes the shape',
      [{ kind: 'residual', body: [{ kind: 'linear', units: 4 }] }, head],
      [12],
      'Cannot build "host.layers[0]" (residual): its body makes 4 features of a row, and its input is 12 features; give it a "shortcut" of that shape',
    ],
    [
      'a layer deep in a block',
      [{ kind: 'residual', body: [{ kind: 'attention' }] }, head],
      [12],
      'Cannot build "host.layers[0].body[0]" (attention): its input is 12 features, and it reads sequences',
    ],
    [
      'attention of the wrong width',
      [
        { kind: 'reshape', shape: [2, 6] },
        { kind: 'attention', heads: 2 },
        { kind: 'global-pool' },
        head,
      ],
      [12],
      'whose 6 channels are no multiple of 8',
    ],
    ['a reshape that loses numbers', [{ kind: 'reshape', shape: [5, 2] }], [12], '12 numbers stay'],
    [
      'a name twice',
      [
        { kind: 'linear', name: 'a', units: 4 },
        { ...head, name: 'a' },
      ],
      [12],
      'another layer has the name "a"',
    ],
    [
      'an end that is no class scores',
      [{ kind: 'linear', units: 4 }],
      [12],
      'behind its last layer a row is 4 features, and the data have 3 classes; end with {"kind": "linear", "units": "classes"}',
    ],
    [
      'tokens in the middle',
      [
        { kind: 'linear', units: 4 },
        { kind: 'embedding', channels: 4 },
      ],
      [12],
      'it can only be the first layer',
    ],
  ];
  it.each(cases)('%s', (_, layers, input, message) => {
    expect(() => build(layers, input)).toThrow(message);
  });
});
