/** Where the nodes of a blueprint stand in its diagram: columns by distance from what it reads. */
import type { BlueprintPreview } from '../../blueprint-library.ts';

export interface PlacedNode {
  id: string;
  label: string;
  shape: string;
  x: number;
  y: number;
}

export interface Diagram {
  width: number;
  height: number;
  nodes: PlacedNode[];
  edges: { from: PlacedNode; to: PlacedNode }[];
}

export const NODE = { width: 118, height: 40 } as const;
const GAP = { x: 34, y: 14 } as const;

export function layoutDiagram({ nodes, x, z }: BlueprintPreview): Diagram {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const given = (['x', 'z'] as const)
    .filter((id) => read.has(id))
    .map((id) => ({
      ...{ id, inputs: [] as readonly string[], label: id === 'x' ? 'x, input' : 'z, output' },
      shape: id === 'x' ? x : z,
    }));
  const own = nodes.map((node) => ({ ...node, label: `${node.id}: ${node.op}` }));
  const column = new Map<string, number>();
  const rows: number[] = [];
  const placed = new Map<string, PlacedNode>();
  for (const { id, inputs, label, shape } of [...given, ...own]) {
    const at = Math.max(-1, ...inputs.map((input) => column.get(input) ?? 0)) + 1;
    column.set(id, at);
    const row = rows[at] ?? 0;
    rows[at] = row + 1;
    placed.set(id, {
      ...{ id, label, shape: `[${shape.join(', ')}]` },
      x: at * (NODE.width + GAP.x),
      y: row * (NODE.height + GAP.y),
    });
  }
  const edges = own.flatMap((node) =>
    node.inputs.map((input) => ({ from: placed.get(input)!, to: placed.get(node.id)! })),
  );
  return {
    width: rows.length * (NODE.width + GAP.x) - GAP.x,
    height: Math.max(...rows) * (NODE.height + GAP.y) - GAP.y,
    nodes: [...placed.values()],
    edges,
  };
}
