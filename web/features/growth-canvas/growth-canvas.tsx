/** The network drawn live: host layers as columns, seeds as branches around their layer. */
import { memo, useEffect, useRef, useState } from 'react';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import { useRunStore } from '../../run-store.ts';
import { formatCount } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { STAGE_LOOKS } from '../../ui/stage.ts';
import { Branch } from './branch.tsx';
import styles from './growth-canvas.module.css';
import { type Column, layoutGrowth } from './growth-layout.ts';

const NO_LAYERS: LayerReport[] = [];

export function GrowthCanvas({ className }: { className?: string | undefined }) {
  const layers = useRunStore((s) => s.snapshot?.layers ?? NO_LAYERS);
  const parameters = useRunStore((s) => s.snapshot?.parameters ?? 0);
  return (
    <Panel
      title="Growth"
      note={layers.length > 0 ? `${formatCount(parameters)} parameters` : undefined}
      className={className}
    >
      {layers.length > 0 ? (
        <Drawing layers={layers} />
      ) : (
        <Empty title="No network yet">It is drawn here once a run is prepared.</Empty>
      )}
    </Panel>
  );
}

function Drawing({ layers }: { layers: LayerReport[] }) {
  const rootRef = useRef<HTMLElement>(null);
  const [room, setRoom] = useState({ width: 600, height: 0 });
  useEffect(() => {
    const root = rootRef.current;
    if (!root) return;
    const observer = new ResizeObserver(() =>
      setRoom({ width: root.clientWidth, height: root.clientHeight }),
    );
    observer.observe(root);
    return () => observer.disconnect();
  }, []);
  const layout = layoutGrowth(layers, layers[0]?.inFeatures ?? 1, room.width, room.height);
  return (
    // A deep network is wider than the panel: the region scrolls and takes the keyboard for it.
    <ScrollRegion ref={rootRef} className={styles['scroll']} label="Network drawing">
      <svg
        width={layout.width}
        height={layout.height}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        role="img"
        aria-label={describe(layers)}
      >
        <HostEdges columns={layout.columns} />
        {layout.branches.map((branch) => (
          <Branch key={`${branch.slot.layerId}/${branch.slot.slot}`} branch={branch} />
        ))}
        <HostUnits columns={layout.columns} />
      </svg>
    </ScrollRegion>
  );
}

function describe(layers: readonly LayerReport[]): string {
  const parts = layers.map((layer) => {
    const seeds = layer.slots
      .filter((slot) => slot.stage !== 'DORMANT')
      .map(
        (slot) =>
          `seed ${slot.seedId ?? ''} ${STAGE_LOOKS[slot.stage].label.toLowerCase()} at alpha ${slot.alpha.toFixed(2)}`,
      );
    const grown = seeds.length > 0 ? ` with ${seeds.join(' and ')}` : '';
    return `${layer.layerId}, ${layer.inFeatures} to ${layer.outFeatures}${grown}`;
  });
  return `Network of ${layers.length} layers: ${parts.join('; ')}`;
}

interface ColumnsProps {
  columns: readonly Column[];
}

/** The host changes only when a run is prepared or a seed is folded: `same` spares the redraw. */
const same = (a: ColumnsProps, b: ColumnsProps): boolean =>
  JSON.stringify(a.columns) === JSON.stringify(b.columns);

const HostEdges = memo(function HostEdges({ columns }: ColumnsProps) {
  const lines = columns.slice(1).flatMap((right, i) => {
    const left = columns[i] as Column;
    return left.units.map((a) => right.units.map((b) => `M${a.x} ${a.y}L${b.x} ${b.y}`).join(''));
  });
  return <path className={styles['edges']} d={lines.join('')} />;
}, same);

const HostUnits = memo(function HostUnits({ columns }: ColumnsProps) {
  return columns.map((column) => (
    <g key={column.key}>
      <text className={styles['layer']} x={column.x} y={12}>
        {column.label}
      </text>
      {column.units.map((unit) => (
        <circle key={unit.y} className={styles['unit']} cx={unit.x} cy={unit.y} r={6} />
      ))}
      {column.hidden > 0 && (
        <text className={styles['detail']} x={column.x + 10} y={(column.units.at(-1)?.y ?? 0) + 4}>
          +{column.hidden}
        </text>
      )}
    </g>
  ));
}, same);
