/** Time of each kernel of a training step, measured when a person asks for it. */
import { useState } from 'react';
import type { KernelTimes as Times } from '../../../shared/contracts/kernel-times.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount, formatMeasured } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { VisuallyHidden } from '../../ui/visually-hidden.tsx';
import { KernelTable } from './kernel-table.tsx';
import styles from './kernel-times.module.css';

type Measured = { times: Times } | { problem: string };

/** Times of one run only: another run, or this one reset, starts without. */
export function KernelTimes({ className }: { className?: string | undefined }) {
  const runId = useRunStore((s) => s.snapshot?.runId ?? '');
  return <KernelTimesOf key={runId} className={className} />;
}

function KernelTimesOf({ className }: { className?: string | undefined }) {
  const actions = useRunActions();
  const canMeasure = useRunStore((s) =>
    ['running', 'paused', 'finished'].includes(s.snapshot?.status ?? ''),
  );
  const [measured, setMeasured] = useState<Measured | null>(null);
  const [isMeasuring, setIsMeasuring] = useState(false);
  const measure = async () => {
    // Not disabled meanwhile: the button keeps the focus.
    if (isMeasuring) return;
    setIsMeasuring(true);
    setMeasured(await actions.kernelTimes());
    setIsMeasuring(false);
  };
  return (
    <Panel
      title="Kernel times"
      className={className}
      note={measured && 'times' in measured ? <Note times={measured.times} /> : undefined}
      tools={
        <Button
          small
          disabled={!canMeasure}
          aria-disabled={isMeasuring}
          aria-label="Measure kernel times"
          title="Times a few more steps of this network and takes them back: the run does not change"
          onClick={() => void measure()}
        >
          {isMeasuring ? 'Measuring…' : 'Measure'}
        </Button>
      }
    >
      <VisuallyHidden>
        <span role="status">{statusText(measured, isMeasuring)}</span>
      </VisuallyHidden>
      <Body measured={measured} canMeasure={canMeasure} />
    </Panel>
  );
}

function Body({ measured, canMeasure }: { measured: Measured | null; canMeasure: boolean }) {
  const dispatchesNow = useRunStore((s) => s.snapshot?.dispatchesPerStep ?? 0);
  if (!measured) {
    return canMeasure ? (
      <Empty title="Not measured yet">
        Measure times a few more training steps and takes them back: the run does not change.
      </Empty>
    ) : (
      <Empty title="No plan yet">Kernels can be timed when a run is prepared.</Empty>
    );
  }
  if ('problem' in measured) return <p className={styles['problem']}>{measured.problem}</p>;
  const { times } = measured;
  const isOld = dispatchesOf(times) !== dispatchesNow;
  return (
    <div className={styles['layout']}>
      {times.unmeasured !== null && (
        <p className={styles['reason']}>Unmeasured: {times.unmeasured}.</p>
      )}
      {isOld && <p className={styles['reason']}>The network has changed since: measure again.</p>}
      <KernelTable times={times} dispatches={dispatchesOf(times)} />
    </div>
  );
}

function Note({ times: { adapter, step, timedSteps } }: { times: Times }) {
  const mean =
    timedSteps > 0 ? `, mean of ${timedSteps} ${timedSteps === 1 ? 'step' : 'steps'}` : '';
  return (
    <>
      {adapter}, at step {formatCount(step)}
      {mean}
    </>
  );
}

function dispatchesOf({ kernels }: Times): number {
  return kernels.reduce((sum, k) => sum + k.dispatches, 0);
}

function statusText(measured: Measured | null, isMeasuring: boolean): string {
  if (isMeasuring) return 'Measuring kernel times';
  if (!measured) return '';
  if ('problem' in measured) return `Not measured: ${measured.problem}`;
  const { kernels, milliseconds, unmeasured } = measured.times;
  if (milliseconds === null) return `Unmeasured: ${unmeasured}`;
  return `Measured ${kernels.length} kernels: ${formatMeasured(milliseconds)} milliseconds a step`;
}
