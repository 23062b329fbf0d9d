/** Start, pause, step, speed, reset and new seed. */
import { useState } from 'react';
import { differsFrom, useDraftStore } from '../../draft-store.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { RangeField } from '../../ui/field.tsx';
import styles from './run-control.module.css';

export function Transport() {
  const actions = useRunActions();
  const status = useRunStore((s) => s.snapshot?.status ?? 'idle');
  const hasRun = useRunStore((s) => (s.snapshot?.runId ?? '') !== '');
  const isRunning = status === 'running';
  const isBusy = status === 'preparing';
  const toggle =
    status === 'preparing'
      ? 'Preparing…'
      : isRunning
        ? 'Pause'
        : status === 'paused'
          ? 'Continue'
          : status === 'idle'
            ? 'Start'
            : 'Start again';
  return (
    <div className={styles['transport']}>
      <div className={styles['main']}>
        <Button
          look="primary"
          className={styles['start']}
          disabled={isBusy}
          onClick={() => void actions.toggle()}
        >
          {toggle}
        </Button>
        <Button
          className={styles['step']}
          disabled={isBusy}
          aria-label="Train 1 step"
          onClick={() => void actions.step(1)}
        >
          Step
        </Button>
        <Button
          className={styles['step']}
          disabled={isBusy}
          aria-label="Train 10 steps"
          onClick={() => void actions.step(10)}
        >
          +10
        </Button>
      </div>
      <Progress />
      <RestartButton />
      <div className={styles['row']}>
        <Button
          disabled={!hasRun || isBusy}
          title="Back to step 0 with the same seed: the run repeats exactly"
          onClick={() => void actions.reset()}
          shortcut="R"
        >
          Reset
        </Button>
        <Button
          disabled={isBusy}
          title="Other starting weights and another order of the data"
          onClick={() => void actions.newSeed()}
          shortcut="N"
        >
          New seed
        </Button>
      </div>
      <Speed />
    </div>
  );
}

function Progress() {
  const share = useRunStore((s) =>
    s.snapshot && s.snapshot.totalSteps > 0 ? s.snapshot.step / s.snapshot.totalSteps : 0,
  );
  return (
    <div className={styles['progress']} aria-hidden="true">
      <div style={{ width: `${Math.min(1, share) * 100}%` }} />
    </div>
  );
}

/** Appears once the settings would make another run than the one on the page. */
function RestartButton() {
  const actions = useRunActions();
  const validation = useDraftStore((s) => s.validation);
  const experiment = useRunStore((s) => s.experiment);
  const status = useRunStore((s) => s.snapshot?.status ?? 'idle');
  if (status === 'idle' || status === 'preparing' || !differsFrom(validation, experiment)) {
    return null;
  }
  return (
    <Button
      look="outline"
      disabled={validation.experiment === null}
      onClick={() => void actions.start()}
    >
      Restart with these settings
    </Button>
  );
}

/** Steps per second; null is as fast as the adapter goes. */
const SPEEDS: readonly (number | null)[] = [1, 5, 20, 100, 500, null];

function Speed() {
  const actions = useRunActions();
  const [index, setIndex] = useState(SPEEDS.length - 1);
  const speed = SPEEDS[index] ?? null;
  const text = speed === null ? 'as fast as it goes' : `at most ${speed} steps/s`;
  return (
    <RangeField
      label={`Speed: ${text}`}
      min={0}
      max={SPEEDS.length - 1}
      step={1}
      value={index}
      valueText={text}
      onChange={(next) => {
        setIndex(next);
        void actions.setSpeed(SPEEDS[next] ?? null);
      }}
    />
  );
}
