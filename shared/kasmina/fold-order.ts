/**
 * In which order the seeds of one layer fold. All of them read z, the output of the bare host, and
 * are blended one after the other; a seed that folds becomes part of z and comes before all others.
 * So it must not meet a graft that would then read, or be blended over, something else.
 */
import type { Blueprint } from '../contracts/blueprint.ts';
import type { SeedStage } from '../contracts/seed.ts';
import type { GraftedSeed } from './kasmina-layer.ts';

/** A graft beside the one that is to fold. */
export interface GraftBeside {
  seed: GraftedSeed;
  stage: SeedStage;
  /** It was tried, and remains a graft for good. */
  stays: boolean;
  /** It is blended before the seed that is to fold. */
  isBefore: boolean;
}

/** `wait`: until another seed has folded or gone; `never`, and why; null: it may fold now. */
export type FoldTurn = { kind: 'wait' } | { kind: 'never'; reason: string } | null;

/** Whether a seed may fold while those others are grafts on its layer. */
export function foldTurn(seed: GraftedSeed, beside: readonly GraftBeside[]): FoldTurn {
  let turn: FoldTurn = null;
  for (const { isBefore, seed: other, stage, stays } of beside) {
    // In TRAINING it is no part of what the network computes, and learns on with what it finds.
    if (stage === 'TRAINING') continue;
    const why = disturbance(seed, other, isBefore);
    if (why === null) continue;
    // Each would have to go first.
    const isMutual = disturbance(other, seed, !isBefore) !== null;
    if (stage === 'FOSSILIZED' && (stays || isMutual)) {
      return { kind: 'never', reason: `seed ${other.seedId} beside it ${why}` };
    }
    turn = { kind: 'wait' };
  }
  return turn;
}

/** What would change for `other` if `seed` folded; null: nothing. */
function disturbance(seed: GraftedSeed, other: GraftedSeed, isBefore: boolean): string | null {
  if (readsOutput(other.blueprint)) return "reads the layer's output, which would be another";
  if (!isBefore) return null;
  if (other.blendMode !== 'add') return `is blended in before it, in mode "${other.blendMode}"`;
  return seed.blendMode === 'replace' ? 'is replaced by it, and would not be any more' : null;
}

function readsOutput({ nodes, output }: Blueprint): boolean {
  return output === 'z' || nodes.some(({ inputs }) => inputs.includes('z'));
}
