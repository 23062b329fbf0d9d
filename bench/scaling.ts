/** Step time against batch, width and depth: where overhead ends and arithmetic begins. */
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { interleaved, median } from './measure.ts';
import { dataOf, flopsOf } from './standard.ts';
import { openWorkload, type Workload } from './workloads.ts';

export interface ScalingResult {
  axis: 'batch' | 'width' | 'depth';
  value: number;
  dispatches: number;
  milliseconds: number;
  gflops: number;
}

const AXES: Readonly<Record<ScalingResult['axis'], readonly number[]>> = {
  batch: [16, 64, 256, 1024],
  width: [16, 64, 256, 512],
  depth: [1, 2, 4, 8],
};

/** MLP with 64 inputs, 10 classes, 2 hidden layers of 64 units and batch 128 but for the axis. */
function specOf(axis: ScalingResult['axis'], value: number) {
  const width = axis === 'width' ? value : 64;
  const hidden = new Array<number>(axis === 'depth' ? value : 2).fill(width);
  return { kind: 'mlp', b: axis === 'batch' ? value : 128, dims: [64, ...hidden, 10] };
}

export async function measureScaling(
  backend: GpuBackend,
  axis: ScalingResult['axis'],
  samples: number,
  minMs: number,
): Promise<ScalingResult[]> {
  const specs = AXES[axis].map((value) => specOf(axis, value));
  const works: Workload[] = [];
  for (const spec of specs) works.push((await openWorkload(backend, spec, dataOf(spec)))!);
  const times = await interleaved(works, samples, minMs);
  for (const work of works) work.dispose();
  return AXES[axis].map((value, i) => {
    const milliseconds = median(times[i]!);
    const { dispatches } = works[i]!;
    return {
      axis,
      value,
      dispatches,
      milliseconds,
      gflops: flopsOf(specs[i]!) / (milliseconds * 1e6),
    };
  });
}
