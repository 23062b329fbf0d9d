/** Loss over the alphas of two seeds: 9 by 9 cells, the stronger the higher the loss. */
import type { Landscape } from '../../../shared/contracts/graft.ts';
import { formatMeasured } from '../../ui/format.ts';
import styles from './alpha-landscape.module.css';
import { lossRange, lowestPair } from './landscape-scale.ts';

const CELL = 15;
const LEFT = 30;
const BOTTOM = 24;

export function PairGrid({ landscape }: { landscape: Landscape }) {
  const { pair, seedId } = landscape;
  if (!pair) return null;
  const range = lossRange(pair.loss.flat());
  const lowest = lowestPair(pair.loss);
  if (!range || !lowest) return null;
  const n = pair.alphas.length;
  const side = n * CELL;
  const [own, other] = [pair.alphas[lowest.row], pair.alphas[lowest.column]];
  const summary = `Lowest at ${seedId} ${own}, ${pair.seedId} ${other}`;
  return (
    <figure className={styles['figure']}>
      <svg
        className={styles['grid-chart']}
        viewBox={`0 0 ${LEFT + side + 8} ${side + BOTTOM}`}
        role="img"
      >
        <title>{`Loss over the alphas of ${seedId} and ${pair.seedId}. ${summary}.`}</title>
        {pair.loss.map((line, i) =>
          line.map((loss, j) => {
            const strength = loss === null ? 0 : (loss - range.low) / range.span;
            const [a, b] = [pair.alphas[i], pair.alphas[j]];
            return (
              <rect
                key={`${a}/${b}`}
                x={LEFT + j * CELL}
                y={(n - 1 - i) * CELL}
                width={CELL - 1}
                height={CELL - 1}
                className={loss === null ? styles['missing'] : styles['cell']}
                style={loss === null ? undefined : { opacity: 0.08 + 0.92 * strength }}
              >
                <title>{`${seedId} ${a}, ${pair.seedId} ${b}: ${formatMeasured(loss)}`}</title>
              </rect>
            );
          }),
        )}
        <rect
          x={LEFT + lowest.column * CELL}
          y={(n - 1 - lowest.row) * CELL}
          width={CELL - 1}
          height={CELL - 1}
          className={styles['lowest']}
        />
        <text x={LEFT - 5} y={11} textAnchor="end" className={styles['tick']}>
          1
        </text>
        <text x={LEFT - 5} y={side - 4} textAnchor="end" className={styles['tick']}>
          0
        </text>
        <text x={LEFT - 5} y={side / 2 + 4} textAnchor="end" className={styles['tick']}>
          {seedId}
        </text>
        <text x={LEFT + side / 2} y={side + 15} textAnchor="middle" className={styles['tick']}>
          α of {pair.seedId}, 0 to 1
        </text>
      </svg>
      <figcaption className={styles['note']}>
        {summary}; the stronger the colour, the higher the loss.
      </figcaption>
    </figure>
  );
}
