/** Where a seed sits in its host, as far as folding cares. */
import type { HostShape } from '../contracts/blueprint.ts';
import type { HostLayer } from '../models/host.ts';
import { layerInputs, type Topology } from './growing-network.ts';
import { type GrowableLayer, hostShapeOf, isGrowable } from './kasmina-layer.ts';

export interface FoldSite {
  /** The layer as it is now. */
  layer: GrowableLayer;
  /** The host as the seed sees it: its input is what the seed reads. */
  host: HostShape;
  /** Why nothing folds into the layer, whatever the seed is; null: it may. */
  obstacle: string | null;
  /** Why no seed with a bias of its own folds into it; null: it may. */
  noBias: string | null;
  /** What lies between the layer whose input the seed reads and its own; null: it reads its own. */
  span: { before: string; activations: string[]; dropout: boolean } | null;
  /** Layers whose seeds would change shape if the units between the two layers became more. */
  neighbours: string[];
}

/** A host alone, whose seeds read its own input. */
export function hostSite(host: HostShape): FoldSite {
  const name = 'host';
  const layer: GrowableLayer =
    host.kind === 'linear'
      ? { kind: 'linear', name, units: host.outFeatures }
      : {
          ...{ kind: 'conv2d', name, channels: host.outChannels, kernelSize: host.kernelSize },
          ...{ stride: host.stride, padding: host.padding },
          ...(host.dilation ? { dilation: host.dilation } : {}),
          ...(host.groups ? { groups: host.groups } : {}),
        };
  return { layer, host, obstacle: null, noBias: null, span: null, neighbours: [] };
}

/** @throws {RangeError} If the topology has no growable layer of that name. */
export function foldSite(
  topology: Pick<Topology, 'layers' | 'input' | 'reach'>,
  layerId: string,
): FoldSite {
  const { layers, input, reach } = topology;
  const layer = layers.find((l): l is GrowableLayer => isGrowable(l) && l.name === layerId);
  if (!layer) throw new RangeError(`Cannot fold into layer "${layerId}": the host has none`);
  const axes = layerInputs(layers, input, reach).get(layerId)!;
  const spans = reach === 'span' ? spansOf(layers) : new Map<string, FoldSite['span']>();
  const span = spans.get(layerId) ?? null;
  const after = [...spans].filter(([, s]) => s?.before === layerId).map(([name]) => name);
  return {
    layer,
    host: hostShapeOf(layer, axes.seeds, axes.positions),
    obstacle: obstacleOf(layer) ?? (span && obstacleOf(layerOf(layers, span.before))),
    noBias: noBiasOf(layer) ?? (span && noBiasOf(layerOf(layers, span.before))),
    span,
    neighbours: span ? [span.before, ...after] : [],
  };
}

function obstacleOf(layer: GrowableLayer): string | null {
  if (layer.kind !== 'linear' && layer.kind !== 'conv2d') {
    return `its host, ${layer.kind} "${layer.name}", has no matrix of its own`;
  }
  const isTied = layer.kind === 'linear' && layer.tied !== undefined;
  return isTied ? `the matrix of its host "${layer.name}" is the table of an embedding` : null;
}

function noBiasOf(layer: GrowableLayer): string | null {
  const without = (layer.kind === 'linear' || layer.kind === 'conv2d') && layer.bias === false;
  return without ? `its host "${layer.name}" has no bias that could take the seed's` : null;
}

function layerOf(layers: readonly HostLayer[], name: string): GrowableLayer {
  return layers.find((l) => 'name' in l && l.name === name) as GrowableLayer;
}

/** For each Linear layer right behind another: what is between them. */
function spansOf(layers: readonly HostLayer[]): Map<string, FoldSite['span']> {
  const spans = new Map<string, FoldSite['span']>();
  let open: NonNullable<FoldSite['span']> | null = null;
  let positionwise: boolean | undefined;
  for (const layer of layers) {
    switch (layer.kind) {
      case 'linear':
        if (open && positionwise === layer.positionwise) spans.set(layer.name, open);
        positionwise = layer.positionwise;
        open = { before: layer.name, activations: [], dropout: false };
        break;
      case 'activation':
        open?.activations.push(layer.activation);
        break;
      case 'dropout':
        if (open) open.dropout = true;
        break;
      default:
        open = null;
    }
  }
  return spans;
}
