/** What can be done from an event of the timeline: go back to it, or branch off there. */
import { useState } from 'react';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount } from '../../ui/format.ts';
import { eventText } from './event-text.ts';
import styles from './event-timeline.module.css';
import { ForkForm } from './fork-form.tsx';

/** Events that were decided, or follow from a decision; the rest cannot be left out of a run. */
function canBeLeftOut(event: RunEvent): boolean {
  return ['command', 'decision', 'governor', 'transition'].includes(event.type);
}

/** Seeds that have germinated in the run, from the events that are shown. */
function seedOf(event: RunEvent): string | null {
  return event.type === 'transition' ? event.seedId : null;
}

interface Props {
  /** Null: none is picked, and the step field alone decides. */
  event: RunEvent | null;
  onDone: () => void;
}

export function EventActions({ event, onDone }: Props) {
  const { branches } = useRunActions();
  const current = useRunStore((s) => s.snapshot?.step ?? 0);
  const isBusy = useRunStore((s) => s.work !== null);
  const [typed, setTyped] = useState<number | null>(null);
  const [isSure, setIsSure] = useState(false);
  const [isForking, setIsForking] = useState(false);
  const step = Math.min(current, typed ?? event?.step ?? current);
  const seed = event && seedOf(event);
  const isRemovable = event !== null && canBeLeftOut(event);
  const run = (work: Promise<void>): void => {
    setIsSure(false);
    setTyped(null);
    setIsForking(false);
    void work.then(onDone);
  };
  return (
    <fieldset className={styles['actions']} disabled={isBusy}>
      <legend>{event ? `Picked: ${eventText(event)}` : 'Pick an event, or a step'}</legend>
      <label className={styles['slider']}>
        Step {formatCount(step)}
        <input
          type="range"
          min={0}
          max={current}
          value={step}
          aria-valuetext={`step ${step} of ${current}`}
          onChange={(e) => {
            setTyped(Number(e.target.value));
            setIsSure(false);
          }}
        />
      </label>
      <div className={styles['buttons']}>
        {isSure ? (
          <>
            <Button small look="primary" onClick={() => run(branches.rewind(step))}>
              Remove what came after step {formatCount(step)}
            </Button>
            <Button small look="quiet" onClick={() => setIsSure(false)}>
              Keep it
            </Button>
          </>
        ) : (
          <Button small disabled={step >= current} onClick={() => setIsSure(true)}>
            Rewind to here
          </Button>
        )}
        <Button small onClick={() => run(branches.fork({ step }))}>
          Fork here
        </Button>
        <Button small pressed={isForking} onClick={() => setIsForking(!isForking)}>
          {isRemovable ? 'Fork with another' : 'Fork with a command'}
        </Button>
        {isRemovable && (
          <Button small onClick={() => run(branches.fork({ without: event.seq }))}>
            Fork without it
          </Button>
        )}
        {seed && (
          <Button small onClick={() => run(branches.twin(seed))}>
            Compare {seed} with its twin
          </Button>
        )}
      </div>
      {isForking && (
        <ForkForm
          // Another event is another place to begin.
          key={event?.seq ?? 'step'}
          event={event}
          step={step}
          removable={isRemovable ? event.seq : null}
          onDone={() => {
            setIsForking(false);
            onDone();
          }}
        />
      )}
    </fieldset>
  );
}
