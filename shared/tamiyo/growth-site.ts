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
    penalties: cullPenalties(o.outcomes),
    ...{ best: null, bestScore: Number.NaN, slotSeen: false, offerSeen: false },
  };
  const norms = newestNorms(o);
  for (let i = 0; i < o.layers.length; i++) {
    lookAtLayer(look, o.layers[i] as LayerObservation, norms[i] as number);
  }
  const { best, offerSeen, slotSeen } = look;
  if (best) return { site: best, obstacle: null };
  return { site: null, obstacle: !slotSeen ? 'no-slot' : !offerSeen ? 'no-offer' : 'penalised' };
}

/** What a search has found by a layer. */
interface SiteLook {
  readonly step: number;
  readonly parametersLeft: number;
  readonly penalties: CullPenalties;
  best: GrowthSite | null;
  /** Its gradient score; NaN: unmeasured. */
  bestScore: number;
  slotSeen: boolean;
  offerSeen: boolean;
}

/** @param norm Newest gradient norm; NaN: unmeasured. */
function lookAtLayer(look: SiteLook, layer: LayerObservation, norm: number): void {
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
  const score = norm / rootOfParameters(layer);
  if (look.best && !isBetter(penalty, score, look.best.penalty, look.bestScore)) return;
  const { blueprint, parameters } = chosen;
  const gradientScore = Number.isNaN(score) ? null : score;
  look.best = { layerId, slot: slot.slot, blueprint, parameters, gradientScore, penalty };
  look.bestScore = score;
}

/** A clean record comes before a large gradient: what failed is retried last. NaN: unmeasured. */
function isBetter(penalty: number, score: number, thanPenalty: number, thanScore: number): boolean {
  const failed = penalty >= SOFT_PENALTY;
  const thanFailed = thanPenalty >= SOFT_PENALTY;
  if (failed !== thanFailed) return thanFailed;
  if (Number.isNaN(score)) return false;
  return Number.isNaN(thanScore) || score > thanScore;
}

interface Measured {
  signals: readonly HealthSignal[];
  layers: readonly LayerObservation[];
}

/** Newest measured host gradient norm of each layer over the root of its parameter count. */
export function gradientScores(o: Measured): Map<string, number> {
  const norms = newestNorms(o);
  return new Map(
    o.layers.flatMap((layer, i) => {
      const score = (norms[i] as number) / rootOfParameters(layer);
      return Number.isNaN(score) ? [] : [[layer.layerId, score] as const];
    }),
  );
}

function rootOfParameters(layer: LayerObservation): number {
  return Math.sqrt(Math.max(1, layer.parameters));
}

/** Newest measured host gradient norm of each layer, in order; NaN: unmeasured. */
function newestNorms({ layers, signals }: Measured): number[] {
  const norms = new Array<number>(layers.length).fill(Number.NaN);
  const steps = new Array<number>(layers.length).fill(0);
  const places = new LayerPlaces(layers);
  for (const { gradientNorm, layerId, seedId, step } of signals) {
    if (seedId !== null || gradientNorm === null || !Number.isFinite(gradientNorm)) continue;
    const place = places.of(layerId);
    if (place < 0) continue;
    if (!Number.isNaN(norms[place]) && (steps[place] as number) > step) continue;
    norms[place] = gradientNorm;
    steps[place] = step;
  }
  return norms;
}

/**
 * Where a layer stands among all. Signals come layer after layer, so the next one asked for is mostly
 * the next in order; a table is made only where it is not.
 */
class LayerPlaces {
  #layers: readonly LayerObservation[];
  #table: Map<string, number> | null = null;
  #next = 0;

  constructor(layers: readonly LayerObservation[]) {
    this.#layers = layers;
  }

  /** -1: there is no such layer. */
  of(layerId: string): number {
    if (this.#next >= this.#layers.length) this.#next = 0;
    if (this.#layers[this.#next]?.layerId === layerId) return this.#next++;
    this.#table ??= new Map(this.#layers.map((layer, i) => [layer.layerId, i]));
    const place = this.#table.get(layerId) ?? -1;
    this.#next = place + 1;
    return place;
  }
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
