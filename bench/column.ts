/**
 * This engine as a column of a peers benchmark: `create()` opens a device, `make()` a workload.
 * Ids, sizes and data come from the harness (channels-first, labels as integers).
 */
import { Autotuner } from '#shared/engine/gpu/autotuner.ts';
import { createGpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { openWorkload, type Workload, type WorkloadData, type WorkloadSpec } from './workloads.ts';

/** Longest that the variants of one workload's kernels are timed. */
const TUNING_MS = 60_000;

export interface Column {
  name: string;
  device: string;
  make(id: string, spec: WorkloadSpec, data: WorkloadData): Promise<Workload | null>;
}

/** @param options.gpu WebGPU's entry point where the runtime hides it. @default {navigator.gpu} */
export async function create(options: { gpu?: GPU } = {}): Promise<Column> {
  const backend = await createGpuBackend(options.gpu ?? globalThis.navigator?.gpu);
  // Kernel variants are timed where they will run, as in a training run with a stored table.
  backend.tuner = new Autotuner({
    ...{ adapter: backend.adapter.name, shaderDigest: 'column', budgetMs: TUNING_MS },
  });
  return {
    name: 'esper',
    device: backend.adapter.name,
    make: (_id, spec, data) => openWorkload(backend, spec, data),
  };
}
