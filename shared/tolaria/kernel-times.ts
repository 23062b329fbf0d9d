/**
 * Times the kernels of a network's training step on the device's clock. The steps that are timed are
 * taken back, so a run goes on with the bits it would have had.
 */
import type { KernelTimes, TimedKernel } from '../contracts/kernel-times.ts';
import type { AdapterInfo, KernelTime } from '../engine/plan/backend.ts';
import type { Clock } from '../platform/platform.ts';
import { MAX_CHUNK, type NetworkRuntime } from './network-runtime.ts';
import type { ScheduleRow } from './schedule.ts';

/** Wanted wall time of the timed steps, milliseconds: enough for a mean, short enough to wait for. */
const BUDGET_MS = 400;
const MAX_STEPS = Math.min(32, MAX_CHUNK);

/**
 * Measures the training step in force, with the schedule of step `step` and those after it.
 *
 * @returns Times of one step by kernel; where the device has no clock, the kernels without times.
 * @throws {DeviceLostError} If the device goes away meanwhile.
 */
export async function measureKernels(
  runtime: NetworkRuntime,
  clock: Clock,
  step: number,
  rowOf: (step: number) => ScheduleRow,
): Promise<KernelTimes> {
  const { adapter } = runtime.backend;
  const none = clockless(adapter);
  let timedSteps = 0;
  let times: KernelTime[];
  if (none === null) {
    const began = clock.now();
    await runtime.profile(step, 1, rowOf);
    const fit = Math.floor(BUDGET_MS / Math.max(clock.now() - began, 0.1));
    timedSteps = Math.min(MAX_STEPS, Math.max(1, fit));
    times = await runtime.profile(step, timedSteps, rowOf);
  } else {
    times = await runtime.profile(step, 0, rowOf);
  }
  const kernels = byKernel(times);
  const measured = kernels.flatMap((k) => (k.milliseconds === null ? [] : [k.milliseconds]));
  const hasGap = measured.length < kernels.length;
  return {
    ...{ adapter: adapter.name, step, timedSteps, kernels },
    milliseconds: measured.length > 0 ? measured.reduce((sum, ms) => sum + ms, 0) : null,
    unmeasured: none ?? (hasGap ? "The device's clock ran backwards: measure again" : null),
  };
}

/** Why nothing can be timed here; null: it can. */
function clockless({ features, kind }: AdapterInfo): string | null {
  if (kind === 'reference') {
    return 'The reference engine computes in plain code and runs no kernels that could be timed';
  }
  if (features.includes('timestamp-query')) return null;
  return 'This adapter has no clock for kernels (the WebGPU feature timestamp-query)';
}

/** Joins the dispatches of each kernel; one that lacks a time leaves its kernel unmeasured. */
export function byKernel(times: readonly KernelTime[]): TimedKernel[] {
  const kernels = new Map<string, TimedKernel>();
  for (const { kernel, milliseconds } of times) {
    const so = kernels.get(kernel) ?? { kernel, dispatches: 0, milliseconds: 0 };
    const isKnown = so.milliseconds !== null && milliseconds !== null;
    kernels.set(kernel, {
      ...{ kernel, dispatches: so.dispatches + 1 },
      milliseconds: isKnown ? so.milliseconds! + milliseconds! : null,
    });
  }
  return [...kernels.values()].sort((a, b) => (b.milliseconds ?? -1) - (a.milliseconds ?? -1));
}
