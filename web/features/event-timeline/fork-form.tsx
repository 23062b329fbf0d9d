/** Writes the commands of a fork: what shall be done to it that was not done to the run. */
import { useState } from 'react';
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { CheckField } from '../../ui/field.tsx';
import { CommandFields } from './command-fields.tsx';
import styles from './event-timeline.module.css';
import { type CommandDraft, commandOf, firstDraft } from './fork-draft.ts';

/** As many as a person writes by hand; a file may have more. */
const MAX_COMMANDS = 12;
const NO_LAYERS: LayerReport[] = [];

interface ForkFormProps {
  /** Where the first command begins; null: at `step`. */
  event: RunEvent | null;
  step: number;
  /** Number of the picked event, where it can be left out. */
  removable: number | null;
  onDone: () => void;
}

export function ForkForm({ event, step, removable, onDone }: ForkFormProps) {
  const { branches } = useRunActions();
  const layers = useRunStore((s) => s.snapshot?.layers ?? NO_LAYERS);
  const steps = useRunStore((s) => s.experiment?.steps ?? 0);
  const room = { layers, steps };
  const [drafts, setDrafts] = useState<CommandDraft[]>(() => [firstDraft(0, event, step, room)]);
  const [nextKey, setNextKey] = useState(1);
  const [isWithout, setIsWithout] = useState(true);
  const made = drafts.map((draft) => commandOf(draft, room));
  const added = made.flatMap((one) => (one.added ? [one.added] : []));
  const add = () => {
    setDrafts([...drafts, firstDraft(nextKey, null, drafts.at(-1)?.step ?? step, room)]);
    setNextKey(nextKey + 1);
  };
  const fork = () => {
    const without = isWithout && removable !== null ? { without: removable } : {};
    // The engine asks for the order in which they are applied.
    const inOrder = added.toSorted((a, b) => a.step - b.step);
    void branches.fork({ added: inOrder, ...without }).then(onDone);
  };
  return (
    <div className={styles['fork']}>
      {drafts.map((draft, i) => (
        <CommandFields
          key={draft.key}
          draft={draft}
          number={i + 1}
          layers={layers}
          issue={made[i]?.issue ?? null}
          onChange={(next) => setDrafts(drafts.map((one) => (one.key === next.key ? next : one)))}
          onRemove={
            drafts.length > 1
              ? () => setDrafts(drafts.filter((one) => one.key !== draft.key))
              : null
          }
        />
      ))}
      {removable !== null && (
        <CheckField
          label="In place of the picked event"
          checked={isWithout}
          onChange={setIsWithout}
        />
      )}
      <div className={styles['buttons']}>
        <Button small disabled={drafts.length >= MAX_COMMANDS} onClick={add}>
          Add a command
        </Button>
        <Button small look="primary" disabled={added.length < drafts.length} onClick={fork}>
          {drafts.length === 1 ? 'Fork with this command' : `Fork with ${drafts.length} commands`}
        </Button>
      </div>
    </div>
  );
}
