/**
 * Where to grow and with what. The layer is the one whose parameters feel the largest gradient,
 * where that was measured; the blueprint the first in order of preference that fits the budget and
 * has not failed there lately.
 */
import type { LayerObservation, Observation, SeedOutcome } from '../contracts/decision.ts';
import { measured } from './decision-record.ts';

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
  const scores = gradientScores(o);
  const penalties = cullPenalties(o.outcomes);
  let best: GrowthSite | null = null;
  let slotSeen = false;
  let offerSeen = false;
  for (const layer of o.layers) {
    const slot = layer.slots.find((s) => s.stage === 'DORMANT' && o.step >= s.embargoUntil);
    if (!slot) continue;
    slotSeen = true;
    const gradientScore = scores.get(layer.layerId) ?? null;
    const culled = penalties.get(layer.layerId);
    let chosen: GrowthSite | null = null;
    for (const offer of layer.offers) {
      if (offer.parameters > o.budget.parametersLeft) continue;
      offerSeen = true;
      const penalty = culled?.get(offer.blueprint) ?? 0;
      if (penalty >= HARD_PENALTY) continue;
      if (chosen && (chosen.penalty < SOFT_PENALTY || penalty >= SOFT_PENALTY)) continue;
      chosen = {
        layerId: layer.layerId,
        slot: slot.slot,
        blueprint: offer.blueprint,
        parameters: offer.parameters,
        gradientScore,
        penalty,
      };
    }
    if (chosen && (!best || isBetter(chosen, best))) best = chosen;
  }
  if (best) return { site: best, obstacle: null };
  return { site: null, obstacle: !slotSeen ? 'no-slot' : !offerSeen ? 'no-offer' : 'penalised' };
}

/** A clean record comes before a large gradient: what failed is retried last. */
function isBetter(a: GrowthSite, b: GrowthSite): boolean {
  const failedA = a.penalty >= SOFT_PENALTY;
  const failedB = b.penalty >= SOFT_PENALTY;
  if (failedA !== failedB) return failedB;
  if (a.gradientScore === null) return false;
  return b.gradientScore === null || a.gradientScore > b.gradientScore;
}

/** Newest measured host gradient norm of each layer over the root of its parameter count. */
function gradientScores(o: Observation): Map<string, number> {
  const newest = new Map<string, { step: number; norm: number }>();
  for (const signal of o.signals) {
    if (signal.seedId !== null) continue;
    const norm = measured(signal.gradientNorm);
    const known = newest.get(signal.layerId);
    if (norm === null) continue;
    if (!known) newest.set(signal.layerId, { step: signal.step, norm });
    else if (known.step <= signal.step) {
      known.step = signal.step;
      known.norm = norm;
    }
  }
  const scores = new Map<string, number>();
  for (const layer of o.layers) {
    const norm = newest.get(layer.layerId)?.norm;
    if (norm !== undefined) scores.set(layer.layerId, norm / rootOfParameters(layer));
  }
  return scores;
}

function rootOfParameters(layer: LayerObservation): number {
  return Math.sqrt(Math.max(1, layer.parameters));
}

/**
 * Penalties after all outcomes, oldest first, by layer and blueprint: a cull adds to its
 * blueprint's, every later outcome at the same layer halves it. Blueprints never culled are absent.
 */
export function cullPenalties(
  outcomes: readonly SeedOutcome[],
): Map<string, ReadonlyMap<string, number>> {
  const layers = new Map<string, { outcomes: number; culled: Map<string, Standing> }>();
  for (const { layerId, blueprint, outcome } of outcomes) {
    let layer = layers.get(layerId);
    if (!layer) {
      layer = { outcomes: 0, culled: new Map() };
      layers.set(layerId, layer);
    }
    layer.outcomes++;
    if (outcome !== 'culled') continue;
    const rest = standingAt(layer.culled.get(blueprint), layer.outcomes);
    layer.culled.set(blueprint, { penalty: rest + CULL_PENALTY, asOf: layer.outcomes });
  }
  const penalties = new Map<string, ReadonlyMap<string, number>>();
  for (const [layerId, layer] of layers) {
    const ofLayer = new Map<string, number>();
    for (const [name, standing] of layer.culled) {
      ofLayer.set(name, standingAt(standing, layer.outcomes));
    }
    penalties.set(layerId, ofLayer);
  }
  return penalties;
}

/** A penalty as it stood after that many outcomes at its layer; halving is left until asked. */
interface Standing {
  penalty: number;
  asOf: number;
}

function standingAt(standing: Standing | undefined, outcomes: number): number {
  if (!standing || outcomes - standing.asOf > 50) return 0;
  let penalty = standing.penalty;
  for (let i = standing.asOf; i < outcomes; i++) penalty /= 2;
  return penalty;
}
