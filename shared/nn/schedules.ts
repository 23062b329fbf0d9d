/** Learning-rate schedules as pure functions of the step. */

export interface Schedule {
  kind: 'constant' | 'cosine' | 'linear' | 'step';
  /** Steps of the rise from almost zero at the beginning. */
  warmupSteps: number;
  /** Share at the last step (cosine and linear). */
  finalShare: number;
  /** Steps between two falls (step). @default {1000} */
  decaySteps?: number | undefined;
  /** Factor of each fall (step). @default {0.1} */
  decayFactor?: number | undefined;
}

/** Share of the base learning rate at a step, in [0, 1]. */
export function learningRateShare(schedule: Schedule, step: number, totalSteps: number): number {
  const { kind, warmupSteps, finalShare, decaySteps = 1000, decayFactor = 0.1 } = schedule;
  if (step < warmupSteps) return (step + 1) / (warmupSteps + 1);
  const t = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  switch (kind) {
    case 'constant':
      return 1;
    case 'cosine':
      return finalShare + (1 - finalShare) * 0.5 * (1 + Math.cos(Math.PI * t));
    case 'linear':
      return finalShare + (1 - finalShare) * (1 - t);
    case 'step':
      return decayFactor ** Math.floor((step - warmupSteps) / decaySteps);
  }
}
