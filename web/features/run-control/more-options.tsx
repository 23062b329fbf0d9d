/** Options few people need: folded away, with word of those that are not as they were. */
import type { ReactNode } from 'react';
import { useState } from 'react';
import { useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import styles from './run-control.module.css';

interface MoreOptionsProps {
  summary: string;
  /** How many of the options inside differ from their defaults. */
  changed: number;
  /** Keys of the experiment that are edited inside; a fault in one opens the group. */
  fields: readonly string[];
  children: ReactNode;
}

export function MoreOptions({ summary, changed, fields, children }: MoreOptionsProps) {
  const [isOpen, setIsOpen] = useState(false);
  const isFaulty = useDraftStore(({ validation: { issues } }) =>
    fields.some((field) => issueFor(issues, field) !== null),
  );
  return (
    <details
      className={styles['more']}
      open={isOpen || isFaulty}
      onToggle={(event) => setIsOpen(event.currentTarget.open)}
    >
      <summary>{changed > 0 ? `${summary} (${changed} changed)` : summary}</summary>
      <div>{children}</div>
    </details>
  );
}
