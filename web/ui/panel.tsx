/** A titled region of the dashboard, and what it shows while it has nothing to show. */
import { type ReactNode, useId } from 'react';
import styles from './panel.module.css';

interface PanelProps {
  title: string;
  /** A few words beside the title. */
  note?: ReactNode;
  /** Controls at the right of the head. */
  tools?: ReactNode;
  /** Content reaches the panel's edges: tables and lists. */
  flush?: boolean;
  className?: string | undefined;
  children: ReactNode;
}

export function Panel({ title, note, tools, flush = false, className, children }: PanelProps) {
  const id = useId();
  return (
    <section className={`${styles['panel']} ${className ?? ''}`} aria-labelledby={id}>
      <header className={styles['head']}>
        <h2 id={id} className={styles['title']}>
          {title}
        </h2>
        {note !== undefined && <span className={styles['note']}>{note}</span>}
        {tools !== undefined && <div className={styles['tools']}>{tools}</div>}
      </header>
      <div className={`${styles['body']} ${flush ? styles['flush'] : ''}`}>{children}</div>
    </section>
  );
}

/** One sentence on what is missing and one on what brings it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles['empty']}>
      <strong>{title}</strong>
      {children !== undefined && <span>{children}</span>}
    </div>
  );
}
