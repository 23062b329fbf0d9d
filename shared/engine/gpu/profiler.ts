/**
 * Where the time of a plan goes: each dispatch in a pass of its own, timed by the device's clock. The
 * same dispatches in the same order, so the bits are those of a plain run; only a profiled run pays.
 */
import type { KernelTime } from '../plan/backend.ts';
import type { Readback } from './readback.ts';
import { Timestamps } from './timestamps.ts';

/** What the profiler needs of an encoded dispatch. */
export interface TimedDispatch {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  grid: readonly [number, number, number];
}

/**
 * Runs `list` `times` times and gives the mean time of each of its dispatches.
 *
 * @returns One entry a dispatch, in order; `milliseconds` null (unmeasured) where the device has no
 *   clock, in which case the list runs all the same.
 */
export async function profileList(
  device: GPUDevice,
  readback: Readback,
  list: readonly TimedDispatch[],
  times: number,
): Promise<KernelTime[]> {
  const clock = Timestamps.open(device, readback);
  const sums = list.map(() => 0);
  const counts = list.map(() => 0);
  const perRead = Math.max(1, Math.floor(Timestamps.capacity / Math.max(1, list.length)));
  try {
    for (let done = 0; done < times; done += perRead) {
      const now = Math.min(perRead, times - done);
      const encoder = device.createCommandEncoder({ label: 'profile' });
      for (let i = 0; i < now * list.length; i++) {
        const { bindGroup, grid, pipeline } = list[i % list.length]!;
        const pass = encoder.beginComputePass(clock?.pass(i));
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
        pass.end();
      }
      clock?.resolve(encoder, now * list.length);
      device.queue.submit([encoder.finish()]);
      const passes = (await clock?.read(now * list.length)) ?? [];
      passes.forEach((ms, i) => {
        if (ms === null) return;
        sums[i % list.length]! += ms;
        counts[i % list.length]! += 1;
      });
    }
  } finally {
    clock?.dispose();
  }
  return list.map(({ grid, pipeline }, i) => ({
    kernel: pipeline.label,
    grid: [...grid],
    milliseconds: counts[i]! > 0 ? sums[i]! / counts[i]! : null,
  }));
}
