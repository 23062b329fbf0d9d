/** Two runs side by side: curves, boundaries, final figures, differences at equal steps. */
import type { StoredRunView } from '../../../shared/contracts/branch-protocol.ts';
import { formatCount, formatMeasured, formatShare, UNMEASURED } from '../../ui/format.ts';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import { BoundaryThumb } from './boundary-thumb.tsx';
import styles from './branches.module.css';
import { CurveOverlay, NAMES } from './curve-overlay.tsx';
import { changeText, equalSteps, partedAt, spread } from './run-tree.ts';

const MAX_ROWS = 12;

export function Comparison({ views }: { views: readonly [StoredRunView, StoredRunView] }) {
  const steps = equalSteps(...views);
  const parted = partedAt(steps);
  return (
    <section className={styles['comparison']} aria-label="Two runs side by side">
      <ul className={styles['legend']}>
        {views.map((view, i) => (
          <li key={view.runId}>
            <span className={styles[i === 0 ? 'keyFirst' : 'keySecond']} aria-hidden="true" />
            <strong>{NAMES[i]}</strong> {view.runId}
            {view.lineage && <span className={styles['change']}> {changeText(view)}</span>}
          </li>
        ))}
      </ul>
      <p>
        {steps.length === 0
          ? 'They have no look in common.'
          : parted === null
            ? `The same losses at every look they have in common, ${steps.length} so far.`
            : `The same until step ${formatCount(parted)}, where their losses part.`}
      </p>
      <CurveOverlay views={views} />
      <div className={styles['pair']}>
        {views.map((view, i) => (
          <BoundaryThumb key={view.runId} view={view} name={NAMES[i]!} />
        ))}
      </div>
      <Figures views={views} />
      {steps.length > 0 && (
        <ScrollRegion className={styles['scroll']} label="Differences at equal steps">
          <table className={styles['table']}>
            <caption>Training loss at equal steps</caption>
            <thead>
              <tr>
                <th scope="col">Step</th>
                <th scope="col">A</th>
                <th scope="col">B</th>
                <th scope="col">B minus A</th>
              </tr>
            </thead>
            <tbody>
              {spread(steps, MAX_ROWS).map(({ loss: [a, b], step }) => (
                <tr key={step}>
                  <th scope="row">{formatCount(step)}</th>
                  <td>{formatMeasured(a)}</td>
                  <td>{formatMeasured(b)}</td>
                  <td>{signed(a, b)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
    </section>
  );
}

function Figures({ views }: { views: readonly StoredRunView[] }) {
  const rows: [string, (v: StoredRunView) => string][] = [
    ['Steps', (v) => `${formatCount(v.step)} of ${formatCount(v.totalSteps)}`],
    ['Test accuracy', (v) => formatShare(v.testAccuracy)],
    ['Parameters', (v) => (v.parameters === null ? UNMEASURED : formatCount(v.parameters))],
    [
      'Seeds',
      (v) => v.seeds.map((s) => `${s.seedId} ${s.stage.toLowerCase()}`).join(', ') || 'none',
    ],
    ['Worth of seeds, causal (removal)', (v) => v.twins.map(worth).join(', ') || UNMEASURED],
    ['Digest', (v) => (v.digest ? `${v.digest.slice(7, 19)}…` : 'not finished')],
  ];
  return (
    <table className={styles['table']}>
      <caption>Figures</caption>
      <thead>
        <tr>
          <td />
          {views.map((view, i) => (
            <th key={view.runId} scope="col">
              {NAMES[i]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, of]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {views.map((view) => (
              <td key={view.runId}>{of(view)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Of one seed beside its twin; see docs/runs.md. */
function worth({ causal, removal, seedId }: StoredRunView['twins'][number]): string {
  return `${seedId} ${formatMeasured(causal)} (${formatMeasured(removal)})`;
}

function signed(a: number | null, b: number | null): string {
  if (a === null || b === null) return UNMEASURED;
  const d = b - a;
  return `${d > 0 ? '+' : ''}${formatMeasured(d)}`;
}
