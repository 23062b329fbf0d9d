/** How long the first training step takes: compile and autotune, with an empty table and a stored one. */
import { Autotuner } from '#shared/engine/gpu/autotuner.ts';
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import type { AutotunerOptions, TuningStorage } from '#shared/engine/gpu/tile-source.ts';
import { BUDGET_MS, TOTAL_MS } from '#shared/workbench/tuning.ts';
import { dataOf, STANDARD } from './standard.ts';
import { openWorkload } from './workloads.ts';

export interface FirstStepResult {
  id: string;
  title: string;
  /** Milliseconds from the plan to the end of its first step, on a new device. */
  cold: number;
  /** Milliseconds from the plan until its kernels are measured, within a run's budget, and in place. */
  coldSettled: number;
  /** The same two with every choice stored. */
  stored: number;
  storedSettled: number;
}

class MemoryTable implements TuningStorage {
  #bytes: Uint8Array<ArrayBuffer> | null = null;
  read() {
    return Promise.resolve(this.#bytes);
  }
  write(_key: string, bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    return Promise.resolve();
  }
}

/** @param open Opens a new device: nothing compiled on another one counts. */
export async function measureFirstStep(
  open: () => Promise<GpuBackend>,
  id: string,
): Promise<FirstStepResult> {
  const { title, ...spec } = STANDARD[id]!;
  const data = dataOf(spec);
  const storage = new MemoryTable();
  const once = async (options: Partial<AutotunerOptions>): Promise<[number, number]> => {
    const backend = await open();
    const about = { adapter: backend.adapter.name, shaderDigest: 'bench' };
    backend.tuner = new Autotuner({ ...about, storage, ...options });
    const start = performance.now();
    const workload = (await openWorkload(backend, spec, data))!;
    await workload.run(1);
    const first = performance.now() - start;
    await workload.executable.settled;
    const settled = performance.now() - start;
    workload.dispose();
    backend.dispose();
    return [first, settled];
  };
  const asInRuns = { budgetMs: BUDGET_MS, totalMs: TOTAL_MS, tiered: true };
  const [cold, coldSettled] = await once(asInRuns);
  // The rest of the table, as later sessions would fill it.
  await once({ budgetMs: 30_000 });
  const [stored, storedSettled] = await once(asInRuns);
  return { id, title, cold, coldSettled, stored, storedSettled };
}
