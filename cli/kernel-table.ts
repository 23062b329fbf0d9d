/** Times of a training step's kernels as a table for a terminal. */
import type { KernelTimes } from '#shared/contracts/kernel-times.ts';
import { percent } from './progress.ts';

const UNMEASURED = 'unmeasured';

/** A heading, a line a kernel, the sum, and the reason where something is unmeasured. */
export function kernelTable(times: KernelTimes): string {
  const { kernels, milliseconds: total, timedSteps, unmeasured } = times;
  const rows = kernels.map(({ dispatches, kernel, milliseconds }) => [
    ...[kernel, String(dispatches), written(milliseconds)],
    milliseconds === null || !total ? '' : percent(milliseconds / total),
  ]);
  const dispatches = kernels.reduce((sum, k) => sum + k.dispatches, 0);
  const all = [
    ['kernel', 'dispatches', 'ms', 'share'],
    ...rows,
    ['all', String(dispatches), written(total), ''],
  ];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = ([name, ...figures]: string[]) =>
    [name!.padEnd(widths[0]!), ...figures.map((f, i) => f.padStart(widths[i + 1]!))]
      .join('  ')
      .trimEnd();
  const mean = `, mean of ${timedSteps} ${timedSteps === 1 ? 'step' : 'steps'}`;
  return [
    `Kernels of one training step${timedSteps === 0 ? '' : mean}`,
    ...all.map((row) => `  ${line(row)}`),
    ...(unmeasured === null ? [] : [`  ${UNMEASURED}: ${unmeasured}`]),
  ].join('\n');
}

function written(milliseconds: number | null): string {
  return milliseconds === null ? UNMEASURED : milliseconds.toFixed(4);
}
