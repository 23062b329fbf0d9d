/** What the last replay of the open run found. */
import { useBranchStore } from '../../branch-store.ts';
import { useRunStore } from '../../run-store.ts';
import { formatCount } from '../../ui/format.ts';
import styles from './branches.module.css';

export function ReplayVerdict() {
  const replay = useBranchStore((s) => s.replay);
  const runId = useRunStore((s) => s.snapshot?.runId ?? '');
  return (
    <div aria-live="polite">
      {replay?.runId === runId && replay.result.status === 'same' && (
        <p className={styles['same']}>
          The same again: {formatCount(replay.result.steps)} steps,{' '}
          {formatCount(replay.result.events)}{' '}
          {replay.result.comparison === 'bits'
            ? `events and ${formatCount(replay.result.digests)} digests`
            : 'losses within 5 %, since another adapter made the run'}
          .
        </p>
      )}
      {replay?.runId === runId && replay.result.status === 'interrupted' && (
        <p>Replay stopped; no difference until step {formatCount(replay.result.steps)}.</p>
      )}
      {replay?.runId === runId && replay.result.difference && (
        <p className={styles['fault']}>
          Different: first at step {formatCount(replay.result.difference.step)},{' '}
          {replay.result.difference.what}. Recorded {replay.result.difference.recorded}; now{' '}
          {replay.result.difference.replayed}.
        </p>
      )}
    </div>
  );
}
