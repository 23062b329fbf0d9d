/** A published experiment, reproduced: its tables, and the bars it met or did not. */
import type { SuiteResult } from '../../../shared/contracts/verdict.ts';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import styles from './verdict.module.css';

export function SuiteAnswer({ result }: { result: SuiteResult }) {
  return (
    <div className={styles['answer']}>
      <p className={styles['sentence']}>
        {result.title}
        {result.status === 'interrupted' ? ', stopped early' : ''}
      </p>
      <p className={styles['now']}>{result.notes.join(' ')}</p>
      {result.tables.map((table) => (
        <ScrollRegion key={table.title} className={styles['scroll']} label={table.title}>
          <table className={styles['table']}>
            <caption>{table.title}</caption>
            <thead>
              <tr>
                {table.head.map((cell) => (
                  <th key={cell} scope="col">
                    {cell}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {table.rows.map((row) => (
                <Row key={row[0]} cells={row} head={table.head} />
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      ))}
      <ul className={styles['details']}>
        {result.bars.map((bar) => (
          <li key={bar.text} className={bar.met ? styles['better'] : styles['worse']}>
            {bar.met ? 'Met: ' : 'Not met: '}
            {bar.text}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Row({ cells, head }: { cells: readonly string[]; head: readonly string[] }) {
  return (
    <tr>
      <th scope="row">{cells[0]}</th>
      {cells.slice(1).map((cell, i) => (
        <td key={head[i + 1]}>{cell}</td>
      ))}
    </tr>
  );
}
