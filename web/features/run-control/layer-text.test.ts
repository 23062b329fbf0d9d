import { expect, it } from 'vitest';
import { HostLayerSpec } from '../../../shared/contracts/host-layers.ts';
import { layerLines } from './layer-text.ts';

it('writes a line for each layer, blocks with their parts under them', () => {
  const layers = [
    { kind: 'conv2d', name: 'stem', channels: 8, kernelSize: 3, stride: 2, groups: 2 },
    {
      kind: 'residual',
      body: [{ kind: 'batch-norm' }, { kind: 'activation', activation: 'gelu' }],
      shortcut: [{ kind: 'dropout', rate: 0.1 }],
    },
    { kind: 'linear', units: 'classes' },
  ].map((layer) => HostLayerSpec.parse(layer));
  expect(layerLines(layers)).toEqual([
    { depth: 0, text: 'conv2d stem: 8, 3 × 3, stride 2, 2 groups' },
    { depth: 0, text: 'residual' },
    { depth: 1, text: 'batch-norm' },
    { depth: 1, text: 'activation: gelu' },
    { depth: 0, text: 'shortcut' },
    { depth: 1, text: 'dropout: 0.1' },
    { depth: 0, text: 'linear: classes' },
  ]);
});
