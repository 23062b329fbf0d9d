/** What the end of a run says of the kernels its growth needed. */
import type { WarmUpReport } from '#shared/contracts/engine-protocol.ts';
import type { Placements } from '#shared/kasmina/seed-loader.ts';
import type { Rebuilds } from '#shared/tolaria/network-follower.ts';

/** Whether the kernels of seeds were there in time; null where no seed needed any. */
export function waitText({ placed, waitedMs, waits }: Placements): string | null {
  if (placed === 0) return null;
  const seeds = `${placed} ${placed === 1 ? 'seed' : 'seeds'}`;
  if (waits === 0) return `kernels of ${seeds} were ready in time: training waited for none`;
  return `training waited ${Math.ceil(waitedMs)} ms in all for the kernels of ${waits} of ${seeds}; a larger growth.forgeLead gives them more time`;
}

/** What changes of the network cost; null where there was none. */
export function rebuildText({ count, longestMs, totalMs }: Rebuilds): string | null {
  if (count === 0) return null;
  const changes = count === 1 ? 'one change' : `${count} changes`;
  const longest = count === 1 ? '' : `, ${Math.ceil(longestMs)} ms the longest`;
  return `training stood still ${Math.ceil(totalMs)} ms in all for ${changes} of its network${longest}`;
}

/** What was made beforehand, and what of it was of use; null where nothing was, or nothing grew. */
export function warmUpText(report: WarmUpReport | null, { placed }: Placements): string | null {
  if (!report || placed === 0) return null;
  const { artifacts, artifactsUsed, failed, kernels, kernelsUsed } = report;
  const failures = failed === 0 ? '' : `, ${failed} failed`;
  return (
    `made beforehand, beside training: ${artifacts} artifacts, ${artifactsUsed} of them planted, ` +
    `and ${kernels} kernels, ${kernelsUsed} of them used${failures}`
  );
}
