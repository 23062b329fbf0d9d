import { describe, expect, it } from 'vitest';
import { libraryOn } from '../../blueprint-library.ts';
import { layoutDiagram, NODE } from './diagram-layout.ts';

const host = { kind: 'linear', input: [16], outFeatures: 8 } as const;

describe('layoutDiagram()', () => {
  it('places every blueprint without overlap, each node right of what it reads', async () => {
    const entries = await libraryOn({ ...host, input: [...host.input] }, []);
    const previews = entries.flatMap((e) => (e.preview ? [e.preview] : []));
    expect(previews.length).toBeGreaterThan(4);
    for (const preview of previews) {
      const { edges, height, nodes, width } = layoutDiagram(preview);
      expect(nodes.length).toBeGreaterThan(preview.nodes.length);
      for (const { from, to } of edges) expect(to.x).toBeGreaterThanOrEqual(from.x + NODE.width);
      const places = nodes.map((n) => `${n.x} ${n.y}`);
      expect(new Set(places).size).toBe(nodes.length);
      for (const n of nodes) {
        expect(n.x + NODE.width).toBeLessThanOrEqual(width);
        expect(n.y + NODE.height).toBeLessThanOrEqual(height);
      }
    }
  });

  it('shows only what is read of the host', async () => {
    const entries = await libraryOn({ ...host, input: [...host.input] }, []);
    const find = (name: string) => entries.find((e) => e.blueprint.name === name)!.preview!;
    expect(layoutDiagram(find('identity')).nodes.map((n) => n.id)).toEqual(['z', 'gain']);
    expect(layoutDiagram(find('low-rank-4')).nodes.map((n) => n.id)).toEqual(['x', 'down', 'up']);
  });
});
