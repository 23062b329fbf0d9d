/** What a run's log teaches a bandit: the reward of each seed that it planted and that has ended. */
import type { RunEvent } from '../contracts/events.ts';
import type { BanditArm, PolicyKnowledge } from '../contracts/knowledge.ts';
import { armName, EMPTY_KNOWLEDGE, FEATURES } from './bandit.ts';
import { FEATURE_PREFIX } from './bandit-policy.ts';

/** Reward of a seed that was taken out: the work on it was lost. */
export const CULL_REWARD = -0.1;

/**
 * Reward of a kept seed in [-1, 1]: the share of the loss without it that it takes away, less a rent
 * for the share of the network's parameters that are its own.
 */
export function keptReward(
  contribution: number,
  loss: number,
  parameterShare: number,
  rent: number,
): number {
  const gained = contribution / Math.max(Math.abs(contribution) + Math.max(0, loss), 1e-12);
  return Math.max(-1, Math.min(1, gained - rent * parameterShare));
}

/**
 * Sums to add to what is known; no arms when nothing was learned. Seeds still alive at the end teach
 * nothing: their outcome is not known.
 *
 * @param placeOf Kind of place of a layer, see bandit.ts `placeKind`.
 */
export function learnFromRun(
  events: readonly RunEvent[],
  placeOf: (layerId: string) => string | null,
  rent: number,
): PolicyKnowledge {
  const arms: Record<string, BanditArm> = {};
  /** Features of the germination decided last for a slot. */
  const decided = new Map<string, number[]>();
  const planted = new Map<string, { features: number[]; size: number; before: number }>();
  const contributions = new Map<string, number>();
  let loss: number | null = null;
  let total = 0;
  for (const event of events) {
    if (event.type === 'metrics') loss = meanOf(event.loss) ?? loss;
    if (event.type === 'decision' && event.decision.rule === 'bandit') {
      const { evidence, layerId, slot } = event.decision;
      const values = FEATURES.map(
        (name) => evidence.find((e) => e.name === FEATURE_PREFIX + name)?.value ?? 0,
      );
      decided.set(`${layerId}:${slot}`, values);
    }
    if (event.type === 'gate' && event.gate === 'G5') {
      const value = event.checks.find((c) => c.name === 'contribution')?.value ?? null;
      if (value !== null) contributions.set(`${event.layerId}:${event.slot}`, value);
    }
    if (event.type !== 'transition') continue;
    const { blueprint, from, layerId, parameters, seedId, slot, to } = event;
    const where = `${layerId}:${slot}`;
    const before = total;
    total = parameters;
    if (seedId === null) continue;
    const features = decided.get(where);
    if (from === 'DORMANT' && to === 'LOADING' && features) {
      planted.set(seedId, { features, size: 0, before });
      decided.delete(where);
      contributions.delete(where);
    }
    const seed = planted.get(seedId);
    if (!seed) continue;
    if (from === 'LOADING' && to !== 'DORMANT') seed.size = Math.max(0, parameters - before);
    if (to !== 'FOSSILIZED' && to !== 'CULLED') continue;
    planted.delete(seedId);
    const place = placeOf(layerId);
    if (place === null || blueprint === null) continue;
    const contribution = contributions.get(where);
    const reward =
      to === 'CULLED'
        ? CULL_REWARD
        : contribution === undefined || loss === null
          ? null
          : keptReward(contribution, loss, seed.size / Math.max(1, parameters), rent);
    if (reward !== null) addPull(arms, armName(place, blueprint), seed.features, reward);
  }
  return { ...EMPTY_KNOWLEDGE, arms };
}

function addPull(
  arms: Record<string, BanditArm>,
  name: string,
  x: readonly number[],
  reward: number,
): void {
  const d = x.length;
  arms[name] ??= {
    gram: new Array<number>(d * d).fill(0),
    moment: new Array<number>(d).fill(0),
    pulls: 0,
    rewardSum: 0,
  };
  const arm = arms[name];
  for (let i = 0; i < d; i++) {
    arm.moment[i] = (arm.moment[i] as number) + reward * (x[i] as number);
    for (let j = 0; j < d; j++) {
      arm.gram[i * d + j] = (arm.gram[i * d + j] as number) + (x[i] as number) * (x[j] as number);
    }
  }
  arm.pulls++;
  arm.rewardSum += reward;
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((v) => v !== null);
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null;
}
