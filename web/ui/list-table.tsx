/** A table that scrolls in its panel, and asks for the rows that are not there yet. */
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import styles from './list-table.module.css';
import { ScrollRegion } from './scroll-region.tsx';

interface ListTableProps {
  /** What a screen reader calls it. */
  label: string;
  /** Heads of the columns; the first names its row. */
  columns: readonly string[];
  /** Rows, `<tr>` each, the first cell a `<th scope="row">`. */
  children: ReactNode;
  /** Absent: all there is is shown. */
  more?: ListMore | null;
}

export interface ListMore {
  /** How much of it is shown, such as "50 of 132". */
  note: string;
  isLoading: boolean;
  load: () => void;
}

export function ListTable({ label, columns, children, more }: ListTableProps) {
  return (
    <>
      <ScrollRegion className={styles['scroll']} label={label}>
        <table className={styles['table']}>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </ScrollRegion>
      {more && (
        <div className={styles['more']}>
          <span>{more.note}</span>
          <Button small disabled={more.isLoading} onClick={more.load}>
            {more.isLoading ? 'Asking…' : 'Show older'}
          </Button>
        </div>
      )}
    </>
  );
}
