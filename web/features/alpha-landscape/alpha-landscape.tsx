/** What grafts were worth when their fate was decided: landscapes of alpha and contributions. */
import { useState } from 'react';
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { useRunStore } from '../../run-store.ts';
import { SelectField } from '../../ui/field.tsx';
import { formatMeasured } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import styles from './alpha-landscape.module.css';
import { Contributions } from './contributions.tsx';
import { CurveChart } from './curve-chart.tsx';
import { PairGrid } from './pair-grid.tsx';

type LandscapeEvent = Extract<RunEvent, { type: 'alpha-landscape' }>;
type ContributionEvent = Extract<RunEvent, { type: 'contribution' }>;

const LATEST = 'latest';

export function AlphaLandscape({ className }: { className?: string | undefined }) {
  const events = useRunStore((s) => s.events);
  const landscapes = events.filter((e): e is LandscapeEvent => e.type === 'alpha-landscape');
  const contribution = events.findLast((e): e is ContributionEvent => e.type === 'contribution');
  const [choice, setChoice] = useState(LATEST);
  const shown = landscapes.find((e) => String(e.seq) === choice) ?? landscapes.at(-1);
  return (
    <Panel title="Graft worth" className={className}>
      {!shown && !contribution && (
        <Empty title="No graft yet">
          When a seed wants to blend in, the loss over its alpha is measured and drawn here.
        </Empty>
      )}
      {shown && (
        <div className={styles['landscape']}>
          {landscapes.length > 1 && (
            <SelectField
              label="Graft"
              value={landscapes.some((e) => String(e.seq) === choice) ? choice : LATEST}
              options={[
                { value: LATEST, label: 'The latest' },
                ...landscapes.map((e) => ({
                  value: String(e.seq),
                  label: `${e.seedId} in ${e.layerId}, step ${e.step}`,
                })),
              ]}
              onChange={setChoice}
            />
          )}
          <p className={styles['sentence']}>{sentence(shown)}</p>
          <div className={styles['charts']}>
            <figure className={styles['figure']}>
              <CurveChart landscape={shown} />
              <figcaption className={styles['note']}>
                Loss over α; dashed: without the seed, dot: the lowest.
              </figcaption>
            </figure>
            <PairGrid landscape={shown} />
          </div>
        </div>
      )}
      {contribution && <Contributions event={contribution} />}
    </Panel>
  );
}

/** What the landscape says, in words. */
function sentence(e: LandscapeEvent): string {
  const where = `${e.seedId} in ${e.layerId} at step ${e.step}`;
  if (e.benefit === null) return `${where}: the loss at full weight is not finite.`;
  const effect =
    e.benefit > 0
      ? `lowers the loss by ${formatMeasured(e.benefit)}`
      : e.benefit < 0
        ? `raises the loss by ${formatMeasured(-e.benefit)}`
        : 'leaves the loss as it is';
  const barrier =
    e.barrier !== null && e.barrier > 0
      ? `, over a barrier of ${formatMeasured(e.barrier)} on the way`
      : '';
  return `${where}: full weight ${effect}${barrier}; the lowest is at α ${formatMeasured(e.best)}.`;
}
