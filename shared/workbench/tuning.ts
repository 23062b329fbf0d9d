/** The autotuner of a workbench's GPU backend: its table lies beside the kernel cache. */
import { Autotuner } from '../engine/gpu/autotuner.ts';
import { GpuBackend } from '../engine/gpu/gpu-backend.ts';
import type { TuningStorage } from '../engine/gpu/tile-source.ts';
import type { Backend } from '../engine/plan/backend.ts';

/** Longest that kernels are measured for one plan, in pauses of its first steps. */
export const BUDGET_MS = 400;
/** Longest of a whole session; what is left has its turn in the next one. */
export const TOTAL_MS = 1500;

export interface TuningOptions {
  /** Null: choices are kept in memory only. */
  storage: TuningStorage | null;
  shaderDigest: string;
  onNotice?(message: string): void;
}

/** Lets the backend choose kernel variants by time; the reference engine has none. */
export function openTuning(backend: Backend, options: TuningOptions): void {
  if (!(backend instanceof GpuBackend)) return;
  const { onNotice, shaderDigest, storage } = options;
  backend.tuner = new Autotuner({
    adapter: backend.adapter.name,
    shaderDigest,
    ...{ budgetMs: BUDGET_MS, totalMs: TOTAL_MS, tiered: true },
    ...(storage ? { storage } : {}),
    ...(onNotice ? { onNotice } : {}),
  });
}
