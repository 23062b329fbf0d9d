/** Growth minus each control: mean and interval, with the margin that counts as no difference. */
import type { Comparison } from '../../../shared/contracts/verdict.ts';
import { ARMS, points } from './arm-labels.ts';
import styles from './verdict.module.css';

const WIDTH = 380;
const ROW = 26;

interface Props {
  comparisons: readonly Comparison[];
  margin: number;
}

export function DifferencePlot({ comparisons, margin }: Props) {
  const ends = comparisons.flatMap((c) => [c.interval.low, c.interval.high, ...c.differences]);
  const [low, high] = [Math.min(-margin, ...ends), Math.max(margin, ...ends)];
  const x = (value: number) => 12 + ((value - low) / (high - low || 1)) * (WIDTH - 24);
  const height = comparisons.length * ROW * 1.6 + 6;
  const text = comparisons.map((c) => `${ARMS[c.control]}: ${points(c.mean)}`).join('; ');
  return (
    <svg
      className={styles['plot']}
      viewBox={`0 0 ${WIDTH} ${height}`}
      role="img"
      aria-label={`Growth minus each control. ${text}`}
    >
      <rect
        className={styles['band']}
        x={x(-margin)}
        y={0}
        width={x(margin) - x(-margin)}
        height={height}
      />
      <line className={styles['zero']} x1={x(0)} x2={x(0)} y1={0} y2={height} />
      {comparisons.map((c, i) => {
        const top = i * ROW * 1.6;
        return (
          <g key={c.control} className={styles[c.outcome]}>
            <text x={12} y={top + 13}>
              {ARMS[c.control]} {points(c.mean)}
            </text>
            {c.differences.map((d, k) => (
              <circle key={c.seeds[k]} className={styles['run']} cx={x(d)} cy={top + 26} r={2.5} />
            ))}
            <line x1={x(c.interval.low)} x2={x(c.interval.high)} y1={top + 26} y2={top + 26} />
            <circle cx={x(c.mean)} cy={top + 26} r={4.5} />
          </g>
        );
      })}
    </svg>
  );
}
