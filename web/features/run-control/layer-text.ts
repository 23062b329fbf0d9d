/** A host's list of layers in words, a line each. Pure. */
import type { HostLayerSpec } from '../../../shared/contracts/host-layers.ts';

export interface LayerLine {
  /** Depth in residual blocks. */
  depth: number;
  text: string;
}

/** Every layer, the parts of blocks under them. */
export function layerLines(layers: readonly HostLayerSpec[], depth = 0): LayerLine[] {
  return layers.flatMap((layer): LayerLine[] => {
    const own = { depth, text: layerText(layer) };
    if (layer.kind !== 'residual') return [own];
    const shortcut = layer.shortcut
      ? [{ depth, text: 'shortcut' }, ...layerLines(layer.shortcut, depth + 1)]
      : [];
    return [own, ...layerLines(layer.body, depth + 1), ...shortcut];
  });
}

function layerText(layer: HostLayerSpec): string {
  const name = 'name' in layer && layer.name !== undefined ? ` ${layer.name}` : '';
  const detail = detailOf(layer);
  return `${layer.kind}${name}${detail === '' ? '' : `: ${detail}`}`;
}

function detailOf(layer: HostLayerSpec): string {
  switch (layer.kind) {
    case 'linear':
      return String(layer.units);
    case 'conv1d':
    case 'conv2d': {
      const { channels, dilation, groups, kernelSize, padding, stride } = layer;
      const size = layer.kind === 'conv2d' ? `${kernelSize} × ${kernelSize}` : `${kernelSize} wide`;
      const odd = [
        ...(stride === 1 ? [] : [`stride ${stride}`]),
        ...(padding === 0 ? [] : [`padding ${padding}`]),
        ...(dilation === 1 ? [] : [`dilation ${dilation}`]),
        ...(groups === 1 ? [] : [`${groups} groups`]),
      ];
      return [`${channels}`, size, ...odd].join(', ');
    }
    case 'group-norm':
      return `${layer.groups} groups`;
    case 'activation':
      return layer.activation;
    case 'pool':
      return `${layer.mode}, ${layer.size} × ${layer.size}`;
    case 'dropout':
      return String(layer.rate);
    case 'reshape':
      return layer.shape.join(' × ');
    case 'embedding':
      return String(layer.channels);
    case 'attention':
      return `${layer.heads} heads${layer.causal ? ', causal' : ''}`;
    default:
      return '';
  }
}
