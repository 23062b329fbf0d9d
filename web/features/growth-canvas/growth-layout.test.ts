import { describe, expect, it } from 'vitest';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import { layoutGrowth, MAX_UNITS } from './growth-layout.ts';

const layer = (layerId: string, inFeatures: number, outFeatures: number): LayerReport => ({
  layerId,
  kind: 'linear',
  inFeatures,
  outFeatures,
  parameters: 1,
  slots: [],
  signals: [],
  offers: [],
});

describe('layoutGrowth()', () => {
  it('gives a column to the input and to each layer, within the room', () => {
    const layout = layoutGrowth([layer('fc1', 2, 4), layer('fc2', 4, 2)], 2, 600, 0);
    expect(layout.columns.map((c) => [c.key, c.units.length])).toEqual([
      ['input', 2],
      ['fc1', 4],
      ['fc2', 2],
    ]);
    expect(layout.width).toBe(600);
  });

  it('shortens long names to their end', () => {
    const names = ['layer1.0.conv1', 'transformer.h.0.mlp.c_fc', 'layer2.0.downsample.0'];
    const layers = names.map((name) => layer(name, 2, 2));
    const [, ...columns] = layoutGrowth(layers, 2, 600, 0).columns;
    expect(columns.map((c) => c.label)).toEqual(['layer1.0.conv1', '…mlp.c_fc', '…downsample.0']);
    expect(columns.map((c) => c.key)).toEqual(names);
  });

  it('draws at most ten units of a wide layer and counts the rest', () => {
    const column = layoutGrowth([layer('fc1', 2, 128)], 2, 600, 0).columns[1];
    expect(column?.units.length).toBe(MAX_UNITS);
    expect(column?.hidden).toBe(118);
  });

  it('uses the height there is, up to a limit', () => {
    const layers = [layer('fc1', 2, 6)];
    const heights = [0, 400, 4000].map((room) => layoutGrowth(layers, 2, 600, room).height);
    expect(heights[1]).toBeGreaterThan(heights[0] as number);
    expect(heights[2]).toBeLessThan(400);
  });

  it('gets wider than the room rather than too tight', () => {
    const layers = Array.from({ length: 9 }, (_, i) => layer(`fc${i}`, 4, 4));
    expect(layoutGrowth(layers, 4, 390, 0).width).toBeGreaterThan(1000);
  });
});
