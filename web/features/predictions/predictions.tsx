/** What the network makes of test rows: the confusion matrix and its surest mistakes. */
import type { DataReport, PredictionReport } from '../../../shared/contracts/engine-protocol.ts';
import { useRunStore } from '../../run-store.ts';
import { formatCount } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ConfusionMatrix } from './confusion-matrix.tsx';
import { MistakeCard } from './mistake-card.tsx';
import styles from './predictions.module.css';

export function Predictions({ className }: { className?: string | undefined }) {
  const data = useRunStore((s) => s.data);
  const report = useRunStore((s) => s.predictions);
  return (
    <Panel title="Predictions" note={report ? noteOf(report) : undefined} className={className}>
      {report && data ? (
        <Report report={report} data={data} />
      ) : (
        <Empty title="No predictions yet">
          What the network says of test rows, and where it is surest and wrong.
        </Empty>
      )}
    </Panel>
  );
}

function noteOf({ mistakeCount, rows, step }: PredictionReport): string {
  return `step ${step}: ${formatCount(mistakeCount)} of ${formatCount(rows)} test rows wrong`;
}

function Report({ report, data }: { report: PredictionReport; data: DataReport }) {
  const { confusion, mistakes } = report;
  return (
    <div className={styles['layout']}>
      {confusion && <ConfusionMatrix confusion={confusion} classes={data.classes} />}
      <section className={styles['mistakes']} aria-label="Surest mistakes">
        <h3 className={styles['heading']}>Surest mistakes</h3>
        {mistakes.length > 0 ? (
          <ul className={styles['cards']}>
            {mistakes.map((mistake) => (
              <MistakeCard key={mistake.row} mistake={mistake} data={data} />
            ))}
          </ul>
        ) : (
          <p className={styles['none']}>None among the rows looked at.</p>
        )}
      </section>
    </div>
  );
}
