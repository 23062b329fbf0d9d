/** Where the host's layers and its seeds stand in the drawing. Pure geometry in SVG units. */
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import type { SeedSlotState } from '../../../shared/contracts/seed.ts';

export interface Unit {
  x: number;
  y: number;
}

/** A column of units: the input, or a layer's output. */
export interface Column {
  key: string;
  label: string;
  detail: string;
  x: number;
  /** At most `MAX_UNITS`; more are told by `hidden`. */
  units: Unit[];
  hidden: number;
}

/** A seed's way around its layer: from the column before to the column after. */
export interface SeedBranch {
  slot: SeedSlotState;
  from: Unit;
  to: Unit;
  node: Unit;
}

export interface GrowthLayout {
  width: number;
  height: number;
  columns: Column[];
  branches: SeedBranch[];
}

/** Units drawn of a column: beyond that more circles say nothing more. */
export const MAX_UNITS = 10;
const MIN_GAP = 21;
const MAX_GAP = 40;
const MARGIN_X = 44;
const TOP = 34;
const MIN_BRANCH = 46;
const MAX_BRANCH = 74;
const MIN_SPACING = 132;

/**
 * @param width Room in SVG units; a deep network gets more and scrolls.
 * @param height Room in SVG units, used as far as the drawing stays compact.
 */
export function layoutGrowth(
  layers: readonly LayerReport[],
  inputFeatures: number,
  width: number,
  height: number,
): GrowthLayout {
  const spacing = Math.max(MIN_SPACING, (width - 2 * MARGIN_X) / Math.max(1, layers.length));
  const sizes = [inputFeatures, ...layers.map((layer) => layer.outFeatures)];
  const tallest = Math.max(...sizes.map((size) => Math.min(size, MAX_UNITS)), 3);
  const rows = Math.max(0, ...layers.map((layer) => layer.slots.length));
  // A row of seeds, with its label, takes about 1.8 times the room of a unit.
  const share = (height - TOP - 44) / (tallest - 1 + rows * 1.8);
  const gap = Math.min(MAX_GAP, Math.max(MIN_GAP, share));
  const branch = Math.min(MAX_BRANCH, Math.max(MIN_BRANCH, share * 1.8));
  const middle = TOP + ((tallest - 1) * gap) / 2;
  const columns = sizes.map((size, i): Column => {
    const layer = layers[i - 1];
    const shown = Math.min(size, MAX_UNITS);
    const x = MARGIN_X + i * spacing;
    return {
      key: layer?.layerId ?? 'input',
      label: shortName(layer?.layerId ?? 'input'),
      detail: layer?.kind === 'conv2d' ? `${size} channels` : `${size} units`,
      x,
      units: Array.from({ length: shown }, (_, k) => ({
        x,
        y: middle + (k - (shown - 1) / 2) * gap,
      })),
      hidden: size - shown,
    };
  });
  const bottom = TOP + (tallest - 1) * gap;
  const branches = layers.flatMap((layer, i) =>
    layer.slots.map((slot, row): SeedBranch => {
      const left = columns[i] as Column;
      const right = columns[i + 1] as Column;
      const y = bottom + branch * 0.75 + row * branch;
      return {
        slot,
        from: { x: left.x, y: (left.units.at(-1) as Unit).y },
        to: { x: right.x, y: (right.units.at(-1) as Unit).y },
        node: { x: (left.x + right.x) / 2, y },
      };
    }),
  );
  return {
    width: 2 * MARGIN_X + layers.length * spacing,
    height: bottom + 30 + rows * branch,
    columns,
    branches,
  };
}

/** A smooth path from one column through the seed's node to the next. */
export function branchPath({ from, node, to }: SeedBranch): string {
  const reach = (node.x - from.x) * 0.62;
  const start = from.y + 7;
  const end = to.y + 7;
  return `M${from.x} ${start}C${from.x} ${node.y} ${node.x - reach} ${node.y} ${node.x} ${node.y}S${to.x} ${node.y} ${to.x} ${end}`;
}

/** Longest name that has room over a column. */
const MAX_LABEL = 15;

/** The end of a long name: `transformer.h.0.mlp.c_fc` is `…mlp.c_fc`. */
function shortName(layerId: string): string {
  if (layerId.length <= MAX_LABEL) return layerId;
  return `…${layerId.split('.').slice(-2).join('.')}`;
}
