/** Stored runs and their forks: open, compare, replay, take in a capsule. */
import { type DragEvent, useId, useState } from 'react';
import { useBranchStore } from '../../branch-store.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount } from '../../ui/format.ts';
import { Meter } from '../../ui/meter.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import styles from './branches.module.css';
import { Comparison } from './comparison.tsx';
import { ReplayVerdict } from './replay-verdict.tsx';
import { RunsTable } from './runs-table.tsx';

const WORK = {
  ...{ rewind: 'Rewinding', fork: 'Forking', replay: 'Replaying', twin: 'Training the twin' },
  capsule: 'Verifying the capsule',
};

export function Branches({ className }: { className?: string | undefined }) {
  const { branches } = useRunActions();
  const { error, rows } = useBranchStore();
  const work = useRunStore((s) => s.work);
  const runId = useRunStore((s) => s.snapshot?.runId ?? '');
  const [isOver, setIsOver] = useState(false);
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setIsOver(false);
    const file = event.dataTransfer.files[0];
    if (file) void branches.openCapsule(file);
  };
  return (
    <Panel
      title="Runs and forks"
      note={rows && rows.length > 0 ? formatCount(rows.length) : undefined}
      tools={
        <>
          <CapsuleInput />
          <Button
            small
            disabled={runId === '' || work !== null}
            onClick={() => void branches.replay()}
          >
            Replay and compare
          </Button>
        </>
      }
      className={className}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button in the head does the same */}
      <div
        className={isOver ? styles['over'] : undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setIsOver(true);
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={drop}
      >
        {work && (
          <div className={styles['work']}>
            <span>
              {WORK[work.what]}, {Math.round(work.done * 100)} %
            </span>
            <Meter label={WORK[work.what]} value={work.done} />
            <Button small onClick={() => void branches.stopWork()}>
              Stop
            </Button>
          </div>
        )}
        <ReplayVerdict />
        {error !== null ? (
          <Empty title="Stored runs cannot be read">
            {error}{' '}
            <Button small onClick={() => void branches.refresh()}>
              Try again
            </Button>
          </Empty>
        ) : rows === null ? (
          <Empty title="Reading stored runs…" />
        ) : rows.length === 0 ? (
          <Empty title="No run is stored yet">
            Press Start, or drop a capsule here. A fork is made in the timeline: pick an event.
          </Empty>
        ) : (
          <RunsTable rows={rows} />
        )}
        <Compared />
      </div>
    </Panel>
  );
}

function CapsuleInput() {
  const { branches } = useRunActions();
  const id = useId();
  return (
    <label className={styles['file']} htmlFor={id}>
      Open capsule
      <input
        id={id}
        type="file"
        accept=".capsule"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) void branches.openCapsule(file);
          // The same file can be chosen again.
          event.target.value = '';
        }}
      />
    </label>
  );
}

function Compared() {
  const { compared, viewError, views } = useBranchStore();
  if (viewError !== null) return <p className={styles['fault']}>{viewError}</p>;
  if (compared.length < 2) {
    return compared.length === 1 ? <p>Choose a second run to compare with.</p> : null;
  }
  const [a, b] = compared.map((id) => views[id]);
  return a && b ? <Comparison views={[a, b]} /> : <Empty title="Reading both runs…" />;
}
