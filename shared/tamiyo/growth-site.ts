/**
 * Where to grow and with what. The layer is the one whose parameters feel the largest gradient,
 * where that was measured; the blueprint the first in order of preference that fits the budget and
 * has not failed there lately.
 */
import type {
  BlueprintOffer,
  LayerObservation,
  Observation,
  SeedOutcome,
} from '../contracts/decision.ts';
import type { HealthSignal } from '../contracts/health.ts';
import { measured } from './decision-record.ts';
import { freeSlot } from './planting.ts';

/** Added to a blueprint's penalty at a layer each time it is culled there. */
export const CULL_PENALTY = 2;
/** From here on other blueprints are preferred. */
export const SOFT_PENALTY = 1;
/** From here on the blueprint is not tried: culled there twice in a row. */
export const HARD_PENALTY = 3;

export interface GrowthSite {
  layerId: string;
  slot: number;
  blueprint: string;
  parameters: number;
  /** Gradient norm over the square root of the layer's parameter count; null: unmeasured. */
  gradientScore: number | null;
  penalty: number;
}

export type SiteSearch =
  | { site: GrowthSite; obstacle: null }
  /** No dormant slot off embargo; no offer within the budget; or all offers failed there. */
  | { site: null; obstacle: 'no-slot' | 'no-offer' | 'penalised' };

/** The best place for one new seed, deterministic: ties go to the earlier layer, slot, offer. */
export function findGrowthSite(o: Observation): SiteSearch {
  const { parametersLeft } = o.budget;
  const norms = newestNorms(o.signals);
  const penalties = cullPenalties(o.outcomes);
  let best: GrowthSite | null = null;
  let slotSeen = false;
  let offerSeen = false;
  for (const layer of o.layers) {
    const slot = freeSlot(layer, o.step);
    if (!slot) continue;
    slotSeen = true;
    const { layerId } = layer;
    let chosen: BlueprintOffer | null = null;
    let penalty = 0;
    for (const offer of layer.offers) {
      if (offer.parameters > parametersLeft) continue;
      offerSeen = true;
      const ofOffer = penalties.of(layerId, offer.blueprint);
      if (ofOffer >= (chosen ? SOFT_PENALTY : HARD_PENALTY)) continue;
      chosen = offer;
      penalty = ofOffer;
      // The first that has not failed there lately: no later one is preferred.
      if (penalty < SOFT_PENALTY) break;
    }
    if (!chosen) continue;
    const norm = norms(layerId);
    const gradientScore = norm === null ? null : norm / rootOfParameters(layer);
    if (best && !isBetter(penalty, gradientScore, best)) continue;
    const { blueprint, parameters } = chosen;
    best = { layerId, slot: slot.slot, blueprint, parameters, gradientScore, penalty };
  }
  if (best) return { site: best, obstacle: null };
  return { site: null, obstacle: !slotSeen ? 'no-slot' : !offerSeen ? 'no-offer' : 'penalised' };
}

/** A clean record comes before a large gradient: what failed is retried last. */
function isBetter(penalty: number, gradientScore: number | null, than: GrowthSite): boolean {
  const failed = penalty >= SOFT_PENALTY;
  const thanFailed = than.penalty >= SOFT_PENALTY;
  if (failed !== thanFailed) return thanFailed;
  if (gradientScore === null) return false;
  return than.gradientScore === null || gradientScore > than.gradientScore;
}

/** Newest measured host gradient norm of a layer; null: unmeasured. */
function newestNorms(signals: readonly HealthSignal[]): (layerId: string) => number | null {
  const places = new Map<string, number>();
  const steps: number[] = [];
  const norms: number[] = [];
  for (const signal of signals) {
    if (signal.seedId !== null) continue;
    const norm = measured(signal.gradientNorm);
    if (norm === null) continue;
    const place = places.get(signal.layerId);
    if (place === undefined) {
      places.set(signal.layerId, steps.length);
      steps.push(signal.step);
      norms.push(norm);
    } else if ((steps[place] as number) <= signal.step) {
      steps[place] = signal.step;
      norms[place] = norm;
    }
  }
  return (layerId) => norms[places.get(layerId) ?? -1] ?? null;
}

function rootOfParameters(layer: LayerObservation): number {
  return Math.sqrt(Math.max(1, layer.parameters));
}

/** What the culls of a run hold against its blueprints, each at the layer where it failed. */
export interface CullPenalties {
  /** 0 for what was never culled there, or long ago. */
  of(layerId: string, blueprint: string): number;
}

/**
 * Penalties after all outcomes, oldest first: a cull adds to its blueprint's at its layer, every
 * later outcome at the same layer halves it. Linear in outcomes; layers without a cull cost a look.
 */
export function cullPenalties(outcomes: readonly SeedOutcome[]): CullPenalties {
  const layers = new Map<string, LayerRecord>();
  for (const { layerId, blueprint, outcome } of outcomes) {
    let layer = layers.get(layerId);
    if (layer) layer.outcomes++;
    if (outcome !== 'culled') continue;
    if (!layer) {
      // What came before the first cull halves nothing.
      layer = { outcomes: 1, first: null, others: null };
      layers.set(layerId, layer);
    }
    const standing = standingOf(layer, blueprint);
    if (standing) {
      standing.penalty = penaltyAt(standing, layer.outcomes) + CULL_PENALTY;
      standing.asOf = layer.outcomes;
      continue;
    }
    const fresh = { blueprint, penalty: CULL_PENALTY, asOf: layer.outcomes };
    if (!layer.first) layer.first = fresh;
    else {
      layer.others ??= new Map();
      layer.others.set(blueprint, fresh);
    }
  }
  return {
    of(layerId, blueprint) {
      const layer = layers.get(layerId);
      const standing = layer && standingOf(layer, blueprint);
      return standing ? penaltyAt(standing, layer.outcomes) : 0;
    },
  };
}

/** The outcomes at a layer since its first cull. Most layers saw one blueprint fail, if any. */
interface LayerRecord {
  outcomes: number;
  first: Standing | null;
  others: Map<string, Standing> | null;
}

/** A penalty as it stood after that many outcomes at its layer; halving is left until asked. */
interface Standing {
  blueprint: string;
  penalty: number;
  asOf: number;
}

function standingOf({ first, others }: LayerRecord, blueprint: string): Standing | undefined {
  return first?.blueprint === blueprint ? first : others?.get(blueprint);
}

function penaltyAt(standing: Standing, outcomes: number): number {
  if (outcomes - standing.asOf > 50) return 0;
  let { penalty } = standing;
  for (let i = standing.asOf; i < outcomes; i++) penalty /= 2;
  return penalty;
}
