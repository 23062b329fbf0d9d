/** The nodes of each kind of layer. */
import { streamOf } from '../base/random.ts';
import type { Graph, Tensor } from '../engine/plan/graph.ts';
import { activation, conv1d, conv2d, linear, reshape } from '../nn/layers.ts';
import { batchNorm, groupNorm, layerNorm } from '../nn/norm-layers.ts';
import {
  attentionOf,
  embedding,
  lastPosition,
  meanPositions,
  positions,
  positionwise,
  tiedLinear,
} from '../nn/sequence-layers.ts';
import type { HostLayer } from './layer.ts';

export interface LayerContext {
  graph: Graph;
  control: Tensor;
  /** Whether dropout drops. */
  training: boolean;
  /**
   * What batch norms see: `train`, the batch, which moves the running statistics; `measure`, the
   * batch alone; `evaluate`, the running statistics.
   */
  statistics: 'train' | 'measure' | 'evaluate';
  /** Which part of the batch this is; each has a dropout mask of its own. @default {0} */
  part?: number;
}

/**
 * Adds the nodes of one layer.
 *
 * @param kept Activations that layers remember, by name.
 * @throws {RangeError} If the layer does not fit its input.
 */
export function applyLayer(
  { graph, control, part, training, statistics }: LayerContext,
  layer: HostLayer,
  x: Tensor,
  kept: Map<string, Tensor>,
): Tensor {
  const recall = (name: string) => {
    const t = kept.get(name);
    if (!t) throw new RangeError(`Cannot recall "${name}": no layer before has kept it`);
    return t;
  };
  switch (layer.kind) {
    case 'linear': {
      const { bias = true, name, tied, units } = layer;
      if (tied !== undefined) {
        const head = (rows: Tensor) => tiedLinear(graph, rows, name, tied, units);
        return layer.positionwise ? positionwise(graph, x, name, head) : head(x);
      }
      const map = (rows: Tensor) => linear(graph, rows, name, units, { bias });
      return layer.positionwise ? positionwise(graph, x, name, map) : map(x);
    }
    case 'conv2d': {
      const { bias = true, channels, kernelSize, name, ...window } = layer;
      return conv2d(graph, x, name, channels, kernelSize, window, { bias });
    }
    case 'conv1d': {
      const { bias, channels, kernelSize, name, ...window } = layer;
      return conv1d(graph, x, name, channels, kernelSize, window, { bias });
    }
    case 'activation':
      return activation(graph, x, layer.activation);
    case 'pool': {
      const padded = pad(graph, x, layer.padding ?? 0);
      return graph.one(`${layer.mode}_pool`, [padded], { size: layer.size, stride: layer.stride });
    }
    case 'global-pool':
      return graph.one('global_avg_pool', [x]);
    case 'dropout': {
      if (!training) return x;
      const stream = `dropout/${layer.name}${part ? `/${part}` : ''}`;
      const attrs = { rate: layer.rate, stream: streamOf(stream) };
      return graph.one('dropout', [x, control], attrs);
    }
    case 'batch-norm':
      return batchNorm(graph, x, layer.name, { mode: statistics });
    case 'layer-norm':
      return layerNorm(graph, x, layer.name);
    case 'group-norm':
      return groupNorm(graph, x, layer.name, layer.groups);
    case 'reshape':
      return reshape(graph, x, layer.shape);
    case 'embedding':
      return embedding(graph, x, layer.name, layer.vocabulary, layer.channels);
    case 'positions':
      return positions(graph, x, layer.name, layer.longest);
    case 'attention':
      return attentionOf(graph, x, layer.name, layer);
    case 'last-position':
      return lastPosition(graph, x);
    case 'mean-positions':
      return meanPositions(graph, x);
    case 'keep':
      kept.set(layer.as, x);
      return x;
    case 'recall':
      return recall(layer.from);
    case 'add':
      return graph.one('add', [recall(layer.from), x], {}, layer.from);
  }
}

/** Zeros on every side of an image. */
function pad(graph: Graph, x: Tensor, padding: number): Tensor {
  if (padding === 0) return x;
  return [1, 2].reduce((t, axis) => {
    const attrs = { axis, start: padding, length: t.shape[axis]! + 2 * padding };
    return graph.one('pad_axis', [t], attrs, `padded_${x.name}`);
  }, x);
}
