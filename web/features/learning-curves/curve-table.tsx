/** Twenty rows of a series, for those who prefer numbers. */
import { useState } from 'react';
import { runSeries } from '../../run-store.ts';
import { formatMeasured, formatShare } from '../../ui/format.ts';
import type { CurveKind } from './curve-data.ts';
import styles from './learning-curves.module.css';

const ROWS = 20;

interface Row {
  step: number;
  value: number;
}

function sample(kind: CurveKind): Row[] {
  const { steps, loss, accuracy } = runSeries.view();
  const values = kind === 'loss' ? loss : accuracy;
  const count = Math.min(ROWS, steps.length);
  return Array.from({ length: count }, (_, row) => {
    const i = count === 1 ? 0 : Math.round((row * (steps.length - 1)) / (count - 1));
    return { step: steps[i] as number, value: values[i] as number };
  });
}

export function CurveTable({ kind }: { kind: CurveKind }) {
  const [rows, setRows] = useState<Row[]>([]);
  const format = kind === 'loss' ? formatMeasured : formatShare;
  return (
    <details
      className={styles['data']}
      onToggle={(event) => setRows(event.currentTarget.open ? sample(kind) : [])}
    >
      <summary>Values as a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Training {kind}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.step}>
              <td>{row.step}</td>
              <td>{format(row.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
