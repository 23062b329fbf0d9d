/** How long the first training step takes: compile and autotune, with an empty table and a stored one. */
import { Autotuner, type TuningStorage } from '#shared/engine/gpu/autotuner.ts';
import type { GpuBackend } from '#shared/engine/gpu/gpu-backend.ts';
import { BUDGET_MS, TOTAL_MS } from '#shared/workbench/tuning.ts';
import { dataOf, STANDARD } from './standard.ts';
import { openWorkload } from './workloads.ts';

export interface FirstStepResult {
  id: string;
  title: string;
  /** Milliseconds from the plan to the end of its first step, on a new device. */
  cold: number;
  /** The same with every choice stored. */
  stored: number;
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
  const once = async (budgetMs: number, totalMs: number): Promise<number> => {
    const backend = await open();
    const about = { adapter: backend.adapter.name, shaderDigest: 'bench' };
    backend.tuner = new Autotuner({ ...about, storage, budgetMs, totalMs });
    const start = performance.now();
    const workload = (await openWorkload(backend, spec, data))!;
    await workload.run(1);
    const elapsed = performance.now() - start;
    workload.dispose();
    backend.dispose();
    return elapsed;
  };
  const cold = await once(BUDGET_MS, TOTAL_MS);
  // The rest of the table, as later sessions would fill it.
  await once(30_000, 30_000);
  return { id, title, cold, stored: await once(BUDGET_MS, TOTAL_MS) };
}
