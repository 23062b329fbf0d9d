/**
 * Successive halving over trial branches: all candidates train for a few steps, the better half goes
 * on for twice as many, until one is left. Compared at the same step with a branch that grows
 * nothing.
 *
 * Source: Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
 * optimization" (AISTATS).
 */
import type { AdvisorLook } from './policy-advisor.ts';
import { type TrialCandidate, TrialNetwork } from './trial-network.ts';

export interface TrialOutcome {
  /** Steps the branch was trained in all. */
  steps: number;
  /** Loss on the validation part after them, and that of the branch without a candidate. */
  loss: number;
  controlLoss: number;
  /** Rounds survived; the winner has been through all of them. */
  rounds: number;
}

/**
 * @param firstSteps Steps of the first round; each later one has twice as many.
 * @returns Outcomes in the order of the candidates, and the work: rows forward and backward.
 */
export async function successiveHalving(
  look: AdvisorLook,
  candidates: readonly TrialCandidate[],
  firstSteps: number,
): Promise<{ outcomes: TrialOutcome[]; forwardRows: number; backwardRows: number }> {
  const { experiment, rowAt, runtime, step } = look;
  const outcomes = new Map<string, TrialOutcome>();
  let network: TrialNetwork | null = null;
  let alive: readonly TrialCandidate[] = candidates;
  let trained = 0;
  let forwardRows = 0;
  let backwardRows = 0;
  try {
    for (let round = 1; alive.length > 0; round++) {
      const next: TrialNetwork = await TrialNetwork.create(
        ...([runtime, experiment, alive, step, network] as const),
      );
      network?.dispose();
      network = next;
      const steps = firstSteps * 2 ** (round - 1);
      network.train(step + trained, steps, rowAt);
      trained += steps;
      const [controlLoss, ...losses] = await network.losses(rowAt(step + trained).alphas);
      const rows = (alive.length + 1) * steps * experiment.batchSize;
      forwardRows += rows + (alive.length + 1) * network.rows;
      backwardRows += rows;
      alive.forEach(({ id }, i) => {
        const loss = losses[i]!;
        outcomes.set(id, { steps: trained, loss, controlLoss: controlLoss!, rounds: round });
      });
      if (alive.length === 1) break;
      alive = betterHalf(alive, losses);
    }
  } finally {
    network?.dispose();
  }
  return { outcomes: candidates.map(({ id }) => outcomes.get(id)!), forwardRows, backwardRows };
}

/** The half with the lower losses, rounded up, in the old order; ties go to the earlier. */
export function betterHalf<T>(items: readonly T[], losses: readonly number[]): T[] {
  const rank = (i: number) => {
    const loss = losses[i]!;
    return Number.isFinite(loss) ? loss : Number.POSITIVE_INFINITY;
  };
  const order = items.map((_, i) => i).sort((a, b) => rank(a) - rank(b) || a - b);
  const kept = new Set(order.slice(0, Math.ceil(items.length / 2)));
  return items.filter((_, i) => kept.has(i));
}
