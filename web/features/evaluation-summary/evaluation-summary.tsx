/** Train and test results at each evaluation, for tasks that cannot be drawn in a plane. */
import { lazy, Suspense } from 'react';
import { type Evaluation, useRunStore } from '../../run-store.ts';
import { formatCount, formatMeasured, formatShare } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import styles from './evaluation-summary.module.css';

/** Recharts is the largest dependency of the page: only tasks that show this panel load it. */
const EvaluationChart = lazy(() => import('./evaluation-chart.tsx'));

const SPLITS = ['train', 'validation', 'test'] as const;
const LABELS: Record<Evaluation['split'], string> = {
  train: 'Training',
  validation: 'Validation',
  test: 'Test',
};

export function EvaluationSummary({ className }: { className?: string | undefined }) {
  const evaluations = useRunStore((s) => s.evaluations);
  const data = useRunStore((s) => s.data);
  const shape = data?.imageShape;
  const note = data
    ? `${data.name}: ${shape ? shape.join(' × ') : `${data.features} features`}, ${data.classes.length} classes, ${formatCount(data.trainSize)} training and ${formatCount(data.testSize)} test rows`
    : undefined;
  return (
    <Panel title="Evaluation" note={note} className={className}>
      {evaluations.length === 0 ? (
        <Empty title="Not evaluated yet">The test part is looked at every few hundred steps.</Empty>
      ) : (
        <div className={styles['layout']}>
          <Suspense fallback={<Empty title="Loading the chart…" />}>
            <EvaluationChart evaluations={evaluations} />
          </Suspense>
          <Latest evaluations={evaluations} />
        </div>
      )}
    </Panel>
  );
}

function Latest({ evaluations }: { evaluations: readonly Evaluation[] }) {
  const rows = SPLITS.map((split) => evaluations.findLast((e) => e.split === split)).filter(
    (e) => e !== undefined,
  );
  return (
    <table className={styles['table']}>
      <caption>Latest evaluation of each part</caption>
      <thead>
        <tr>
          <th scope="col">Part</th>
          <th scope="col">Step</th>
          <th scope="col">Loss</th>
          <th scope="col">Accuracy</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.split}>
            <th scope="row">{LABELS[row.split]}</th>
            <td>{row.step}</td>
            <td>{formatMeasured(row.loss)}</td>
            <td>{formatShare(row.accuracy)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
