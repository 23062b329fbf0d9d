/**
 * What folded seeds made of their host's layers. The experiment says how a run's host starts; these
 * changes, in the order they were made, say what it is now. Plain data: a checkpoint keeps them.
 */
import type { HostLayer } from '../models/host.ts';

/** New sizes of one layer; what is absent stayed. */
export interface HostChange {
  layerId: string;
  /** Of a Linear layer. */
  units?: number;
  /** Of a Conv2d layer, with the padding that keeps the shape of its output. */
  kernelSize?: number;
  padding?: number;
}

/** The layers with all changes made, the later over the earlier. */
export function changedLayers(
  layers: readonly HostLayer[],
  changes: readonly HostChange[],
): HostLayer[] {
  return layers.map((layer) => {
    if (layer.kind !== 'linear' && layer.kind !== 'conv2d') return layer;
    const now: HostLayer = { ...layer };
    for (const { layerId, ...sizes } of changes) {
      if (layerId === layer.name) Object.assign(now, sizes);
    }
    return now;
  });
}
