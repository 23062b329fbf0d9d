/** From a blueprint to nodes of a graph: the only place that gives the IR its meaning there. */
import { positionsOf } from '../blueprints/host-positions.ts';
import { inferShapes } from '../blueprints/ir.ts';
import type {
  Blueprint,
  BlueprintNode,
  HostShape,
  Initializer,
  Positions,
} from '../contracts/blueprint.ts';
import type { BlendMode } from '../contracts/seed.ts';
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import { activation, conv1d, conv2d, linear, reshape } from '../nn/layers.ts';
import { layerNorm } from '../nn/norm-layers.ts';
import { mixHeads } from '../nn/sequence-layers.ts';

/** What the nodes of a seed need to know of it. */
export interface SeedNodes {
  blueprint: Blueprint;
  /** Prefix of all its parameters' names, without the dot. */
  prefix: string;
  /** Parameter group. */
  group: number;
  blendMode?: BlendMode;
}

/**
 * Adds the nodes of a seed's blueprint and returns its output s.
 *
 * What starts at zero, as the blueprint says, does not if the seed shall replace its host: in the
 * shadow pass it then is the whole layer, and one of zeros has no gradient behind a ReLU.
 *
 * @param x What the seed reads; on a host with positions a row for each, sample after sample. So are
 *   z and s.
 */
export function seedOutput(
  graph: Graph,
  { blendMode, blueprint, group, prefix }: SeedNodes,
  host: HostShape,
  x: Tensor,
  z: Tensor,
): Tensor {
  const { convolutions, shapes } = inferShapes(blueprint, host);
  const values = new Map<string, Tensor>([
    ['x', x],
    ['z', z],
  ]);
  const get = (id: string): Tensor => values.get(id)!;
  const initOf = (init: Initializer, otherwise: Initializer): Initializer =>
    blendMode === 'replace' && init === 'zeros' ? otherwise : init;
  const make = (node: BlueprintNode): Tensor => {
    const name = `${prefix}.${node.id}`;
    const channels = shapes.get(node.id)!.at(-1)!;
    const input = get(node.inputs[0]);
    switch (node.op) {
      case 'linear': {
        const options = { group, init: initOf(node.init, 'kaiming'), bias: node.bias };
        return linear(graph, input, name, channels, options);
      }
      case 'conv2d': {
        const window = convolutions.get(node.id)!;
        const options = { group, init: initOf(node.init, 'kaiming'), bias: node.bias };
        return conv2d(graph, input, name, channels, node.kernelSize, window, options);
      }
      case 'conv1d': {
        const { shape } = input;
        const signal = shape.length === 2 ? reshape(graph, input, [shape[1]!, 1]) : input;
        const options = { group, init: initOf(node.init, 'kaiming'), bias: node.bias };
        const window = convolutions.get(node.id)!;
        return conv1d(graph, signal, name, channels, node.kernelSize, window, options);
      }
      case 'gain':
        return gain(graph, input, name, { group, init: initOf(node.init, 'ones') });
      case 'norm':
        return layerNorm(graph, input, name, { group, init: initOf(node.init, 'ones') });
      case 'pool':
        return graph.one('global_avg_pool', [input], {}, name);
      case 'multiply':
        return graph.one('mul', [input, get(node.inputs[1])], {}, name);
      case 'attention': {
        const { heads, inputs } = node;
        const parts = [input, get(inputs[1]), get(inputs[2])] as const;
        return attendPositions(graph, parts, name, heads, positionsOf(host)!);
      }
      case 'activation':
        return activation(graph, input, node.activation);
      case 'add':
        return graph.one('add', [input, get(node.inputs[1])], {}, name);
    }
  };
  for (const node of blueprint.nodes) values.set(node.id, make(node));
  return get(blueprint.output);
}

/** Attention between the rows [B * length, C] of each sample. */
function attendPositions(
  graph: Graph,
  parts: readonly [Tensor, Tensor, Tensor],
  name: string,
  heads: number,
  { causal, length }: Positions,
): Tensor {
  // Only its shape is read.
  const samples = graph.create(`${name}.samples`, [parts[0].shape[0]! / length, length, 1]);
  const sequence = (rows: Tensor) =>
    graph.one('unfold_rows', [rows, samples], {}, `${rows.name}.positions`);
  const [q, k, v] = parts;
  const sequences = [sequence(q), sequence(k), sequence(v)] as const;
  const mixed = mixHeads(graph, sequences, name, { heads, causal });
  return graph.one('fold_rows', [mixed], {}, `${name}.rows`);
}

/** y = x * weight, weight [1, 1, 1, C]: a depthwise convolution of one by one. */
function gain(
  graph: Graph,
  x: Tensor,
  name: string,
  options: { group: number; init: Initializer },
): Tensor {
  const shape = x.shape.slice(1);
  const channels = shape.at(-1)!;
  const image = shape.length === 3 ? x : reshape(graph, x, [1, ...flat(shape)]);
  const window = { stride: 1, padding: 0, groups: channels };
  const y = conv2d(graph, image, name, channels, 1, window, { ...options, bias: false });
  return shape.length === 3 ? y : reshape(graph, y, shape);
}

/** Any shape of one or more axes as [positions, channels]. */
function flat(shape: readonly number[]): [number, number] {
  return [shape.slice(0, -1).reduce((a, b) => a * b, 1), shape.at(-1)!];
}
