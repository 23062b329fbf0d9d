/** Did growing pay? Runs a small verdict in a worker of its own, or opens a stored report. */
import { Meter } from '../../ui/meter.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { useVerdictStore } from '../../verdict-store.ts';
import { ARMS } from './arm-labels.ts';
import { SuiteAnswer } from './suite-answer.tsx';
import styles from './verdict.module.css';
import { VerdictAnswer } from './verdict-answer.tsx';
import { VerdictForm } from './verdict-form.tsx';

export function Verdict({ className }: { className?: string | undefined }) {
  const { error, html, note, progress, report, status, suite, suiteProgress } = useVerdictStore();
  return (
    <Panel title="Verdict" note="Did growing pay?" className={className}>
      <VerdictForm />
      <div aria-live="polite">
        {error !== null && <p className={styles['error']}>{error}</p>}
        {status !== 'idle' && <p className={styles['now']}>{note ?? 'Preparing…'}</p>}
      </div>
      {status !== 'idle' && progress && (
        <>
          <p className={styles['now']}>
            {ARMS[progress.arm]}, seed {progress.seeds[0]}
            {progress.seeds.length > 1 ? ` to ${progress.seeds.at(-1)}` : ''}:{' '}
            {Math.floor((100 * progress.done) / progress.total)} % of all steps
          </p>
          <Meter label="Steps made" value={progress.done / progress.total} />
        </>
      )}
      {status !== 'idle' && suiteProgress && (
        <>
          <p className={styles['now']}>{suiteProgress.label}</p>
          <Meter label="Work done" value={suiteProgress.share} />
        </>
      )}
      {suite && <SuiteAnswer result={suite} />}
      {report && html !== null && <VerdictAnswer report={report} html={html} />}
      {!report && !suite && status === 'idle' && error === null && (
        <Empty title="Nothing judged yet">
          Every seed is trained growing and as each control, with the same data in the same order.
          Long verdicts run headless: <code>npx esper verdict FILE</code>.
        </Empty>
      )}
    </Panel>
  );
}
