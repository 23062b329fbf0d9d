/** A row a kernel, slowest first, with its share as a bar. */
import type { KernelTimes, TimedKernel } from '../../../shared/contracts/kernel-times.ts';
import { formatCount, formatMeasured, formatShare } from '../../ui/format.ts';
import { ScrollRegion } from '../../ui/scroll-region.tsx';
import styles from './kernel-times.module.css';

export function KernelTable({ times, dispatches }: { times: KernelTimes; dispatches: number }) {
  return (
    <ScrollRegion className={styles['scroll']} label="Times of the kernels">
      <table className={styles['table']}>
        <caption>
          One training step. Each dispatch is timed in a pass of its own, so the sum is more than a
          step takes in training.
        </caption>
        <thead>
          <tr>
            <th scope="col">Kernel</th>
            <th scope="col">Dispatches</th>
            <th scope="col">ms</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {times.kernels.map((kernel) => (
            <Row key={kernel.kernel} kernel={kernel} total={times.milliseconds} />
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">All</th>
            <td>{formatCount(dispatches)}</td>
            <td>{formatMeasured(times.milliseconds)}</td>
            <td />
          </tr>
        </tfoot>
      </table>
    </ScrollRegion>
  );
}

function Row({ kernel, total }: { kernel: TimedKernel; total: number | null }) {
  const { dispatches, milliseconds } = kernel;
  const share = milliseconds === null || !total ? null : milliseconds / total;
  return (
    <tr>
      <th scope="row">{kernel.kernel}</th>
      <td>{formatCount(dispatches)}</td>
      <td>{formatMeasured(milliseconds)}</td>
      <td className={styles['share']}>
        {share === null ? '–' : formatShare(share)}
        <span className={styles['track']} aria-hidden="true">
          <span className={styles['fill']} style={{ width: `${(share ?? 0) * 100}%` }} />
        </span>
      </td>
    </tr>
  );
}
