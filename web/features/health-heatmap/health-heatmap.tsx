/** Health signals of every layer and seed. What was not measured is hatched, never coloured. */
import type { CSSProperties } from 'react';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import type { HealthSignal } from '../../../shared/contracts/health.ts';
import { useRunStore } from '../../run-store.ts';
import { formatMeasured } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { VisuallyHidden } from '../../ui/visually-hidden.tsx';
import styles from './health-heatmap.module.css';
import { heat, SIGNAL_COLUMNS, sampleText } from './health-scale.ts';

const NO_LAYERS: LayerReport[] = [];

export function HealthHeatmap({ className }: { className?: string | undefined }) {
  const layers = useRunStore((s) => s.snapshot?.layers ?? NO_LAYERS);
  const signals = layers.flatMap((layer) => layer.signals);
  const step = signals[0]?.step;
  return (
    <Panel
      title="Health"
      note={step === undefined ? undefined : `measured at step ${step}`}
      className={className}
      flush
    >
      {signals.length > 0 ? (
        <Heatmap signals={signals} />
      ) : (
        <Empty title="Not measured yet">
          Signals are reduced on the GPU at each look of the controller.
        </Empty>
      )}
    </Panel>
  );
}

function Heatmap({ signals }: { signals: readonly HealthSignal[] }) {
  // A signal that nothing here measures, such as the time on a device without clocks, has no column.
  const shown = SIGNAL_COLUMNS.map((column) => ({
    ...column,
    values: signals.map((signal) => signal[column.key] ?? null),
  })).filter(({ values }) => values.some((value) => value !== null));
  return (
    <ScrollRegion className={styles['scroll']} label="Health signals">
      <table className={styles['table']}>
        <thead>
          <tr>
            <th scope="col">Layer</th>
            {shown.map((column) => (
              <th key={column.key} scope="col" title={column.meaning}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {signals.map((signal) => (
            <tr key={`${signal.layerId}/${signal.seedId ?? ''}`}>
              <th scope="row" className={signal.seedId === null ? undefined : styles['seed']}>
                {signal.seedId ?? signal.layerId}
                {signal.seedId !== null && <VisuallyHidden> in {signal.layerId}</VisuallyHidden>}
              </th>
              {shown.map((column) => (
                <Cell
                  key={column.key}
                  note={column.key === 'expressivityBottleneck' ? sampleText(signal) : undefined}
                  value={signal[column.key] ?? null}
                  strength={heat(signal[column.key] ?? null, column.scale, column.values)}
                />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function Cell({
  note,
  strength,
  value,
}: {
  note?: string | undefined;
  strength: number | null;
  value: number | null;
}) {
  if (strength === null) {
    return (
      <td className={styles['unmeasured']} title="Unmeasured">
        <span aria-hidden="true">–</span>
        <VisuallyHidden>unmeasured</VisuallyHidden>
      </td>
    );
  }
  const style = { '--strength': `${Math.round(strength * 55)}%` } as CSSProperties;
  return (
    <td className={styles['cell']} style={style} title={note}>
      {formatMeasured(value)}
      {note && <VisuallyHidden> ({note})</VisuallyHidden>}
    </td>
  );
}
