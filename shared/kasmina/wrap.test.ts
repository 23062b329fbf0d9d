import { describe, expect, it } from 'vitest';
import { Graph } from '../engine/plan/graph.ts';
import { ZOO, type ZooModel } from '../models/_test-zoo.ts';
import { hostLayers } from '../models/host.ts';
import {
  controlTensor,
  evaluationForward,
  growableLayers,
  trainingGraph,
} from './growing-network.ts';
import { matchesName, wrap } from './wrap.ts';

const layersOf = ({ classes, host, input }: ZooModel) => hostLayers(host, input, classes);
const zoo = (name: string) => layersOf(ZOO.find((m) => m.name === name)!);
const names = (layers: ReturnType<typeof zoo>) => growableLayers(layers).map((l) => l.name);

describe('wrap()', () => {
  it('takes names, wildcards, expressions and questions', () => {
    const resnet = zoo('resnet8');
    expect(names(wrap(resnet, 'fc'))).toEqual(['fc']);
    expect(names(wrap(resnet, ['layer1.*.bn2', 'layer2.0.conv*']))).toEqual([
      'layer1.0.bn2',
      'layer2.0.conv1',
      'layer2.0.conv2',
    ]);
    expect(names(wrap(resnet, /^layer3.*downsample/g))).toEqual([
      'layer3.0.downsample.0',
      'layer3.0.downsample.1',
    ]);
    const gpt = zoo('gpt');
    expect(names(wrap(gpt, (l) => l.kind === 'attention' || l.kind === 'layer-norm'))).toEqual([
      ...[0, 1].flatMap((i) =>
        ['ln_1', 'attn.heads', 'ln_2'].map((n) => `transformer.h.${i}.${n}`),
      ),
      'transformer.ln_f',
    ]);
  });

  it('chooses Linear and Conv2d layers where nobody wraps', () => {
    expect(names(zoo('lenet'))).toEqual(['conv1', 'conv2', 'fc1', 'fc2', 'fc3']);
    expect(names(zoo('vgg-plain'))).toEqual(['features.0', 'classifier.0']);
  });

  it('names what there is when a name is none', () => {
    expect(() => wrap(zoo('vgg-plain'), ['features.*', 'fc1'])).toThrow(
      'Cannot wrap layer "fc1": the model has features.0, classifier.0',
    );
  });

  it.each(ZOO)('leaves every node of $name as it was, in evaluation and training', (model) => {
    const plain = layersOf(model);
    const graphs = [wrap(plain, () => false), plain, wrap(plain, () => true)].map((layers) => {
      const { input } = model;
      const topology = { layers, input, seeds: [], incubation: 'shadow', reach: 'layer' } as const;
      const graph = new Graph();
      const x = graph.create('x', [4, ...input], { role: 'external' });
      evaluationForward(graph, controlTensor(graph), topology, x);
      const source = { size: 9, batch: 4, mode: 'shuffle' } as const;
      return [graph, trainingGraph(topology, source, 'cross-entropy').graph];
    });
    const [none, some, all] = graphs.map((pair) =>
      JSON.stringify(
        pair.map(({ nodes, parameters, tensors }) => ({ nodes, parameters, tensors })),
      ),
    );
    expect(some).toBe(none);
    expect(all).toBe(none);
  });
});

describe('matchesName()', () => {
  it('takes dots as dots', () => {
    expect(matchesName('layer1.0.conv1', 'layer1.0.conv1')).toBe(true);
    expect(matchesName('layer1.0.conv1', 'layer1x0.conv1')).toBe(false);
    expect(matchesName('*.conv1', 'layer1.0.conv1')).toBe(true);
    expect(matchesName('conv1', 'layer1.0.conv1')).toBe(false);
  });
});
