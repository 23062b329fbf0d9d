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
  const look: SiteLook = {
    ...{ step: o.step, parametersLeft: o.budget.parametersLeft },
    norms: new NewestNorms(o.signals),
    penalties: cullPenalties(o.outcomes),
    ...{ best: null, slotSeen: false, offerSeen: false },
  };
  for (const layer of o.layers) lookAtLayer(look, layer);
  const { best, offerSeen, slotSeen } = look;
  if (best) return { site: best, obstacle: null };
  return { site: null, obstacle: !slotSeen ? 'no-slot' : !offerSeen ? 'no-offer' : 'penalised' };
}

/** What a search has found by a layer. */
interface SiteLook {
  readonly step: number;
  readonly parametersLeft: number;
  readonly norms: NewestNorms;
  readonly penalties: CullPenalties;
  best: GrowthSite | null;
  slotSeen: boolean;
  offerSeen: boolean;
}

function lookAtLayer(look: SiteLook, layer: LayerObservation): void {
  const slot = freeSlot(layer, look.step);
  if (!slot) return;
  look.slotSeen = true;
  const { layerId } = layer;
  let chosen: BlueprintOffer | null = null;
  let penalty = 0;
  for (const offer of layer.offers) {
    if (offer.parameters > look.parametersLeft) continue;
    look.offerSeen = true;
    const ofOffer = look.penalties.of(layerId, offer.blueprint);
    if (ofOffer >= (chosen ? SOFT_PENALTY : HARD_PENALTY)) continue;
    chosen = offer;
    penalty = ofOffer;
    // The first that has not failed there lately: no later one is preferred.
    if (penalty < SOFT_PENALTY) break;
  }
  if (!chosen) return;
  const norm = look.norms.of(layerId);
  const gradientScore = norm === null ? null : norm / rootOfParameters(layer);
  if (look.best && !isBetter(penalty, gradientScore, look.best)) return;
  const { blueprint, parameters } = chosen;
  look.best = { layerId, slot: slot.slot, blueprint, parameters, gradientScore, penalty };
}

/** A clean record comes before a large gradient: what failed is retried last. */
function isBetter(penalty: number, gradientScore: number | null, than: GrowthSite): boolean {
  const failed = penalty >= SOFT_PENALTY;
  const thanFailed = than.penalty >= SOFT_PENALTY;
  if (failed !== thanFailed) return thanFailed;
  if (gradientScore === null) return false;
  return than.gradientScore === null || gradientScore > than.gradientScore;
}

/** Newest measured host gradient norm of each layer. */
class NewestNorms {
  #places = new Map<string, number>();
  #steps: number[] = [];
  #norms: number[] = [];

  constructor(signals: readonly HealthSignal[]) {
    for (const signal of signals) this.#add(signal);
  }

  /** Null: unmeasured. */
  of(layerId: string): number | null {
    const place = this.#places.get(layerId);
    return place === undefined ? null : (this.#norms[place] as number);
  }

  #add({ gradientNorm, layerId, seedId, step }: HealthSignal): void {
    if (seedId !== null || gradientNorm === null || !Number.isFinite(gradientNorm)) return;
    const place = this.#places.get(layerId);
    if (place === undefined) {
      this.#places.set(layerId, this.#steps.length);
      this.#steps.push(step);
      this.#norms.push(gradientNorm);
    } else if ((this.#steps[place] as number) <= step) {
      this.#steps[place] = step;
      this.#norms[place] = gradientNorm;
    }
  }
}

/** Newest measured host gradient norm of each layer over the root of its parameter count. */
export function gradientScores(o: {
  signals: readonly HealthSignal[];
  layers: readonly LayerObservation[];
}): Map<string, number> {
  const norms = new NewestNorms(o.signals);
  return new Map(
    o.layers.flatMap((layer) => {
      const norm = norms.of(layer.layerId);
      return norm === null ? [] : [[layer.layerId, norm / rootOfParameters(layer)] as const];
    }),
  );
}

function rootOfParameters(layer: LayerObservation): number {
  return Math.sqrt(Math.max(1, layer.parameters));
}

/**
 * Penalties after all outcomes, oldest first: a cull adds to its blueprint's at its layer, every
 * later outcome at the same layer halves it. Linear in outcomes; layers without a cull cost a look.
 */
export function cullPenalties(outcomes: readonly SeedOutcome[]): CullPenalties {
  const penalties = new CullPenalties();
  for (const outcome of outcomes) penalties.add(outcome);
  return penalties;
}

/** What the culls of a run hold against its blueprints, each at the layer where it failed. */
export class CullPenalties {
  #layers = new Map<string, LayerRecord>();

  /** 0 for what was never culled there, or long ago. */
  of(layerId: string, blueprint: string): number {
    const layer = this.#layers.get(layerId);
    const standing = layer && standingOf(layer, blueprint);
    return standing ? penaltyAt(standing, layer.outcomes) : 0;
  }

  add({ blueprint, layerId, outcome }: SeedOutcome): void {
    let layer = this.#layers.get(layerId);
    if (layer) layer.outcomes++;
    if (outcome !== 'culled') return;
    if (!layer) {
      // What came before the first cull halves nothing.
      layer = { outcomes: 1, first: null, others: null };
      this.#layers.set(layerId, layer);
    }
    const standing = standingOf(layer, blueprint);
    if (standing) {
      standing.penalty = penaltyAt(standing, layer.outcomes) + CULL_PENALTY;
      standing.asOf = layer.outcomes;
      return;
    }
    const fresh = { blueprint, penalty: CULL_PENALTY, asOf: layer.outcomes };
    if (!layer.first) layer.first = fresh;
    else {
      layer.others ??= new Map();
      layer.others.set(blueprint, fresh);
    }
  }
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
