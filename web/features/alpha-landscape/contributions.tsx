/** What each seed brings, two ways: taken out alone, and its share over all orders of the seeds. */
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { formatMeasured } from '../../ui/format.ts';
import styles from './alpha-landscape.module.css';

type ContributionEvent = Extract<RunEvent, { type: 'contribution' }>;

export function Contributions({ event }: { event: ContributionEvent }) {
  const sampled = event.method === 'sampled';
  return (
    <table className={styles['table']}>
      <caption>
        Contributions at step {event.step}: with all seeds the loss is{' '}
        {formatMeasured(event.withAll)}, with none {formatMeasured(event.withNone)}
      </caption>
      <thead>
        <tr>
          <th scope="col">Seed</th>
          <th scope="col">Removal</th>
          <th scope="col">Shapley</th>
        </tr>
      </thead>
      <tbody>
        {event.seeds.map((s) => (
          <tr key={s.seedId}>
            <th scope="row">
              {s.seedId} in {s.layerId}
            </th>
            <td>{formatMeasured(s.removal)}</td>
            <td>
              {formatMeasured(s.shapley)}
              {sampled && s.standardError !== null && ` ± ${formatMeasured(s.standardError)}`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
