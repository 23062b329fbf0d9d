/** True classes down, predicted classes across; the diagonal is right. */
import type { CSSProperties } from 'react';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { VisuallyHidden } from '../../ui/visually-hidden.tsx';
import styles from './predictions.module.css';

interface ConfusionMatrixProps {
  confusion: Uint32Array;
  classes: readonly string[];
}

export function ConfusionMatrix({ confusion, classes }: ConfusionMatrixProps) {
  const n = classes.length;
  return (
    <ScrollRegion className={styles['scroll']} label="Confusion matrix">
      <table className={styles['matrix']}>
        <caption>Rows: true class. Columns: predicted</caption>
        <thead>
          <tr>
            <td />
            {classes.map((name) => (
              <th key={name} scope="col" title={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {classes.map((name, label) => {
            const row = confusion.subarray(label * n, (label + 1) * n);
            const total = row.reduce((sum, count) => sum + count, 0);
            return (
              <tr key={name}>
                <th scope="row" title={name}>
                  {name}
                </th>
                {classes.map((predicted, k) => (
                  <Cell key={predicted} count={row[k] ?? 0} total={total} isRight={k === label} />
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function Cell({ count, total, isRight }: { count: number; total: number; isRight: boolean }) {
  // A single mistake among many should still be seen.
  const share = count === 0 ? 0 : 0.12 + 0.88 * (count / total);
  const style = { '--strength': `${Math.round(share * 60)}%` } as CSSProperties;
  return (
    <td className={isRight ? styles['right'] : styles['wrong']} style={style}>
      {count > 0 ? count : <VisuallyHidden>0</VisuallyHidden>}
    </td>
  );
}
