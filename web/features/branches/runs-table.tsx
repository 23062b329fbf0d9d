/** The runs this browser keeps, forks under the run they came from. */
import { useState } from 'react';
import type { StoredRunRow } from '../../../shared/contracts/branch-protocol.ts';
import { useBranchStore } from '../../branch-store.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount, formatShare } from '../../ui/format.ts';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import styles from './branches.module.css';
import { changeText, treeOf } from './run-tree.ts';

export function RunsTable({ rows }: { rows: readonly StoredRunRow[] }) {
  return (
    <ScrollRegion className={styles['scroll']} label="Runs in this browser">
      <table className={`${styles['table']} ${styles['runs']}`}>
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">Step</th>
            <th scope="col">Test</th>
            <th scope="col">Compare</th>
            <th scope="col">
              <span className={styles['hidden']}>Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {treeOf(rows).map(({ depth, row }) => (
            <Row key={row.runId} row={row} depth={depth} />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

function Row({ row, depth }: { row: StoredRunRow; depth: number }) {
  const { branches } = useRunActions();
  const openId = useRunStore((s) => s.snapshot?.runId ?? '');
  // What is stored of the open run may be some checkpoints old: its own step is the true one.
  const step = useRunStore((s) => (s.snapshot?.runId === row.runId ? s.snapshot.step : row.step));
  const isCompared = useBranchStore((s) => s.compared.includes(row.runId));
  const [isSure, setIsSure] = useState(false);
  const isOpen = row.runId === openId;
  const isReadable = row.status !== 'unreadable';
  return (
    <tr aria-current={isOpen ? 'true' : undefined}>
      <th scope="row" style={{ paddingInlineStart: `${depth * 16}px` }}>
        {depth > 0 && <span aria-hidden="true">└ </span>}
        {isReadable ? `${row.name}, seed ${row.seed}` : row.runId}
        {isOpen && <span className={styles['open']}> open</span>}
        <span className={styles['change']}>
          {isReadable ? changeText(row) : `cannot be read: ${row.name}`}
        </span>
      </th>
      <td>
        {formatCount(step)} of {formatCount(row.totalSteps)}
      </td>
      <td>{row.testAccuracy === null ? '–' : formatShare(row.testAccuracy)}</td>
      <td>
        <input
          type="checkbox"
          aria-label={`Compare ${row.runId}`}
          checked={isCompared}
          disabled={!isReadable}
          onChange={() => void branches.compare(row.runId)}
        />
      </td>
      <td className={styles['actions']}>
        <Button
          small
          disabled={isOpen || !isReadable}
          aria-label={`Open ${row.runId}`}
          onClick={() => void branches.open(row.runId)}
        >
          Open
        </Button>
        <Button
          small
          look={isSure ? 'outline' : 'quiet'}
          disabled={isOpen}
          aria-label={isSure ? `Really remove ${row.runId}` : `Remove ${row.runId}`}
          onBlur={() => setIsSure(false)}
          onClick={() => (isSure ? void branches.remove(row.runId) : setIsSure(true))}
        >
          {isSure ? 'Really?' : 'Remove'}
        </Button>
      </td>
    </tr>
  );
}
