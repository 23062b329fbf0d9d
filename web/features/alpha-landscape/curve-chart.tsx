/** Loss over one seed's alpha: 17 points, the one it would keep and the lowest marked. */
import type { Landscape } from '../../../shared/contracts/graft.ts';
import { formatMeasured } from '../../ui/format.ts';
import styles from './alpha-landscape.module.css';
import { curvePath, lossRange } from './landscape-scale.ts';

const WIDTH = 320;
const HEIGHT = 150;
const BOX = { left: 46, right: 10, top: 10, bottom: 24 };

export function CurveChart({ landscape }: { landscape: Landscape }) {
  const { alphas, best, loss } = landscape;
  const range = lossRange(loss);
  if (!range) return <p className={styles['note']}>No loss on the way is finite.</p>;
  const x = (a: number) => BOX.left + a * (WIDTH - BOX.left - BOX.right);
  const y = (l: number) =>
    HEIGHT - BOX.bottom - ((l - range.low) / range.span) * (HEIGHT - BOX.top - BOX.bottom);
  const bestIndex = best === null ? -1 : alphas.indexOf(best);
  const bestLoss = loss[bestIndex] ?? null;
  const start = loss[0] ?? null;
  return (
    <svg className={styles['chart']} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img">
      <title>{`Loss over the alpha of ${landscape.seedId}`}</title>
      <desc>
        {alphas.map((a, i) => `alpha ${a}: ${formatMeasured(loss[i] ?? null)}`).join('; ')}
      </desc>
      {[range.low, range.low + range.span].map((l) => (
        <g key={l}>
          <line x1={x(0)} x2={x(1)} y1={y(l)} y2={y(l)} className={styles['grid']} />
          <text x={BOX.left - 6} y={y(l) + 4} textAnchor="end" className={styles['tick']}>
            {formatMeasured(l)}
          </text>
        </g>
      ))}
      {[0, 0.5, 1].map((a) => (
        <text key={a} x={x(a)} y={HEIGHT - 8} textAnchor="middle" className={styles['tick']}>
          {a === 0.5 ? 'α' : a}
        </text>
      ))}
      {start !== null && (
        <line x1={x(0)} x2={x(1)} y1={y(start)} y2={y(start)} className={styles['start']} />
      )}
      <path d={curvePath(alphas, loss, x, y)} className={styles['line']} />
      {bestLoss !== null && best !== null && (
        <circle cx={x(best)} cy={y(bestLoss)} r={4.5} className={styles['best']} />
      )}
    </svg>
  );
}
