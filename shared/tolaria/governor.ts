/**
 * The governor: decides when a run must be taken back to its last good snapshot, and what changes
 * before it goes on, so that the same fault does not repeat for ever. Pure.
 */

/** Rollbacks without a good look between them after which a run is given up. */
export const MAX_ROLLBACKS = 6;

export interface ChunkVerdict {
  /** Step of the first non-finite number; null: the chunk is good. */
  step: number | null;
  cause: string;
}

/** Looks at the metrics of the steps just run. */
export function inspectChunk(
  firstStep: number,
  losses: readonly (readonly number[])[],
  gradientFault: number | null,
): ChunkVerdict {
  if (gradientFault !== null) {
    return { step: gradientFault, cause: `non-finite gradient or update at step ${gradientFault}` };
  }
  const index = losses.findIndex((row) => row.some((l) => !Number.isFinite(l)));
  if (index < 0) return { step: null, cause: '' };
  const step = firstStep + index;
  return { step, cause: `non-finite loss at step ${step}` };
}

export type Remedy =
  /** Live seeds are the first suspects: they go, the host stays as it was. */
  | { kind: 'cull-seeds' }
  /** A host that diverges by itself learns more slowly from here on. */
  | { kind: 'slow-down'; factor: number }
  | { kind: 'give-up'; message: string };

export function chooseRemedy(hasLiveSeeds: boolean, rollbacks: number, cause: string): Remedy {
  if (rollbacks >= MAX_ROLLBACKS) {
    return {
      kind: 'give-up',
      message: `Cannot go on: ${cause}, and ${rollbacks} rollbacks did not help; use a lower learning rate or "clipNorm"`,
    };
  }
  return hasLiveSeeds ? { kind: 'cull-seeds' } : { kind: 'slow-down', factor: 0.5 };
}
