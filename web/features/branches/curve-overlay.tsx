/** Loss of two runs in one picture. */
import type { StoredRunView } from '../../../shared/contracts/branch-protocol.ts';
import { formatMeasured } from '../../ui/format.ts';
import styles from './branches.module.css';

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 46;
const BOTTOM = 22;

export function CurveOverlay({ views }: { views: readonly StoredRunView[] }) {
  const known = views.flatMap((v) => v.curve.loss.filter((l) => l !== null));
  if (known.length === 0) return null;
  const top = Math.max(...known);
  const last = Math.max(1, ...views.map((v) => v.curve.steps.at(-1) ?? 0));
  const x = (step: number) => LEFT + (step / last) * (WIDTH - LEFT - 8);
  const y = (loss: number) => 8 + (1 - loss / (top || 1)) * (HEIGHT - BOTTOM - 8);
  const said = views.map((v, i) => `${NAMES[i]} ends at ${formatMeasured(v.curve.loss.at(-1))}`);
  return (
    <svg
      className={styles['plot']}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Training loss over ${last} steps. ${said.join('; ')}`}
    >
      <line className={styles['axis']} x1={LEFT} x2={WIDTH - 8} y1={y(0)} y2={y(0)} />
      <line className={styles['axis']} x1={LEFT} x2={LEFT} y1={8} y2={y(0)} />
      <text x={LEFT - 6} y={16} textAnchor="end">
        {formatMeasured(top)}
      </text>
      <text x={LEFT - 6} y={y(0)} textAnchor="end">
        0
      </text>
      <text x={WIDTH - 8} y={HEIGHT - 6} textAnchor="end">
        step {last}
      </text>
      {views.map((view, i) => (
        <path
          key={view.runId}
          className={styles[i === 0 ? 'first' : 'second']}
          d={pathOf(view, x, y)}
        />
      ))}
    </svg>
  );
}

export const NAMES = ['A', 'B'] as const;

/** Lines between neighbouring looks; a gap where nothing was measured. */
function pathOf(
  { curve }: StoredRunView,
  x: (step: number) => number,
  y: (loss: number) => number,
): string {
  let pen = false;
  return curve.steps
    .map((step, i) => {
      const loss = curve.loss[i] ?? null;
      if (loss === null) {
        pen = false;
        return '';
      }
      const part = `${pen ? 'L' : 'M'}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`;
      pen = true;
      return part;
    })
    .join('');
}
