import { describe, expect, it } from 'vitest';
import { HostSpec } from '../contracts/host.ts';
import { Graph } from '../engine/plan/graph.ts';
import { controlTensor, evaluationForward } from '../kasmina/growing-network.ts';
import { hostLayers } from './host.ts';
import { torchShape, wantedTensors } from './state-dict.ts';

/** PyTorch shapes of all tensors of a host, by name. */
function tensorsOf(spec: Parameters<typeof HostSpec.parse>[0], input: number[], classes: number) {
  const layers = hostLayers(HostSpec.parse(spec), input, classes);
  const graph = new Graph();
  const x = graph.create('x', [1, ...input], { role: 'external' });
  const topology = { layers, input, seeds: [], incubation: 'shadow', reach: 'layer' } as const;
  const { logits } = evaluationForward(graph, controlTensor(graph), topology, x);
  expect(logits.shape).toEqual([1, classes]);
  return Object.fromEntries(
    wantedTensors(graph).map(({ kind, name, shape }) => [name, torchShape(kind, shape)]),
  );
}

const elements = (tensors: Record<string, number[]>, isCounted = (_: string) => true) =>
  Object.entries(tensors)
    .filter(([name]) => isCounted(name) && !name.includes('running_'))
    .reduce((n, [, shape]) => n + shape.reduce((a, b) => a * b, 1), 0);

describe('LeNet', () => {
  it('has the layers of LeNet-5 for 28 x 28 images', () => {
    expect(tensorsOf({ kind: 'lenet' }, [28, 28, 1], 10)).toEqual({
      'conv1.weight': [6, 1, 5, 5],
      'conv1.bias': [6],
      'conv2.weight': [16, 6, 5, 5],
      'conv2.bias': [16],
      'fc1.weight': [120, 400],
      'fc1.bias': [120],
      'fc2.weight': [84, 120],
      'fc2.bias': [84],
      'fc3.weight': [10, 84],
      'fc3.bias': [10],
    });
  });

  it('refuses small images with the size it needs', () => {
    expect(() => hostLayers(HostSpec.parse({ kind: 'lenet' }) as never, [8, 8, 1], 10)).toThrow(
      'Cannot build block 2 of the lenet: its image is 4 x 4; it needs images of at least 12 x 12',
    );
  });
});

describe('VGG', () => {
  it("counts its layers as torchvision's vgg11_bn does", () => {
    const blocks = [[64], [128], [256, 256], [512, 512], [512, 512]];
    const spec = { kind: 'vgg', blocks, hidden: [4096, 4096], dropout: 0.5 } as const;
    const tensors = tensorsOf(spec, [224, 224, 3], 1000);
    const convolutions = Object.keys(tensors).filter((n) => tensors[n]!.length === 4);
    expect(convolutions).toEqual([0, 4, 8, 11, 15, 18, 22, 25].map((i) => `features.${i}.weight`));
    expect(tensors['features.1.running_mean']).toEqual([64]);
    expect(tensors['classifier.0.weight']).toEqual([4096, 25088]);
    expect(tensors['classifier.6.weight']).toEqual([1000, 4096]);
    // As torchvision counts them.
    expect(elements(tensors)).toBe(132_868_840);
  });
});

describe('ResNet', () => {
  it.each([
    [8, 78_042],
    [20, 272_474],
    [32, 466_906],
  ] as const)('of depth %i has the parameters of the CIFAR network', (depth, parameters) => {
    const tensors = tensorsOf({ kind: 'resnet', depth }, [32, 32, 3], 10);
    expect(elements(tensors)).toBe(
      // The shortcuts of the paper pad with zeros; these are convolutions with batch norm.
      parameters,
    );
  });

  it("of depth 18 has the tensors of torchvision's resnet18", () => {
    const tensors = tensorsOf({ kind: 'resnet', depth: 18, stem: 'large' }, [224, 224, 3], 1000);
    expect(elements(tensors)).toBe(11_689_512);
    expect(tensors['conv1.weight']).toEqual([64, 3, 7, 7]);
    expect(tensors['layer2.0.downsample.0.weight']).toEqual([128, 64, 1, 1]);
    expect(tensors['layer2.0.downsample.1.running_var']).toEqual([128]);
    expect(tensors['layer4.1.bn2.weight']).toEqual([512]);
    expect(tensors['fc.weight']).toEqual([1000, 512]);
    // 20 convolutions, 20 batch norms of four tensors, one Linear layer of two.
    expect(Object.keys(tensors)).toHaveLength(20 + 20 * 4 + 2);
  });

  it('refuses a pool with zeros around values below zero', () => {
    const spec = HostSpec.parse({ kind: 'resnet', stem: 'large', activation: 'tanh' });
    expect(() => hostLayers(spec, [32, 32, 3], 10)).toThrow(
      'Cannot pool a resnet\'s large stem after tanh: its pool has zeros around the image; use "relu"',
    );
  });
});

describe('GPT', () => {
  it("has GPT-2's names, and the head only where it is not tied", () => {
    const spec = { kind: 'gpt', depth: 1, heads: 2, channels: 16 } as const;
    const tensors = tensorsOf(spec, [12], 7);
    const block = 'transformer.h.0';
    expect(tensors).toEqual({
      'transformer.wte.weight': [7, 16],
      'transformer.wpe.weight': [12, 16],
      [`${block}.ln_1.weight`]: [16],
      [`${block}.ln_1.bias`]: [16],
      [`${block}.attn.c_attn.weight`]: [48, 16],
      [`${block}.attn.c_attn.bias`]: [48],
      [`${block}.attn.c_proj.weight`]: [16, 16],
      [`${block}.attn.c_proj.bias`]: [16],
      [`${block}.ln_2.weight`]: [16],
      [`${block}.ln_2.bias`]: [16],
      [`${block}.mlp.c_fc.weight`]: [64, 16],
      [`${block}.mlp.c_fc.bias`]: [64],
      [`${block}.mlp.c_proj.weight`]: [16, 64],
      [`${block}.mlp.c_proj.bias`]: [16],
      'transformer.ln_f.weight': [16],
      'transformer.ln_f.bias': [16],
    });
    const untied = tensorsOf({ ...spec, tied: false, vocabulary: 9 }, [12], 7);
    expect(untied['lm_head.weight']).toEqual([7, 16]);
    expect(untied['transformer.wte.weight']).toEqual([9, 16]);
  });

  it('names the fix when sizes do not fit', () => {
    const build = (more: object, input = [12]) =>
      hostLayers(HostSpec.parse({ kind: 'gpt', ...more }), input, 7);
    expect(() => build({ channels: 20, heads: 2 })).toThrow(
      'Cannot build a gpt of 20 channels with 2 heads: "channels" must be a multiple of 8',
    );
    expect(() => build({ vocabulary: 9 })).toThrow('set "tied": false');
    expect(() => build({}, [4, 4, 1])).toThrow('it reads rows of tokens; use a cnn');
  });
});
