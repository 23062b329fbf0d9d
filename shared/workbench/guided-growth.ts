/**
 * Measures for GradMax and TINY: statistics on the device, decompositions in float64, line searches
 * in one fused evaluation; and plants the seeds that they decided on, with units computed anew from
 * the weights of that moment.
 */

import { inferShapes } from '../blueprints/ir.ts';
import { type TwoLayerForm, twoLayerForm } from '../blueprints/two-layer-form.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import type { Observation, SeedInitialisation, SiteScore } from '../contracts/decision.ts';
import type { BlendMode } from '../contracts/seed.ts';
import { seedPrefix } from '../kasmina/kasmina-layer.ts';
import { gradMax } from '../tamiyo/gradmax.ts';
import { type AscentOptions, gradMaxOptimised } from '../tamiyo/gradmax-optimised.ts';
import { gradMaxMethod, wantsGrowth } from '../tamiyo/guided-policies.ts';
import { MAX_GRAM, tiny } from '../tamiyo/tiny.ts';
import { candidateLosses } from '../tolaria/candidate-evaluator.ts';
import {
  GrowthStatistics,
  type SiteStatistics,
  type StatisticsRequest,
} from '../tolaria/growth-statistics.ts';
import type { AdvisorLook, PolicyAdvisor } from '../tolaria/policy-advisor.ts';
import { AMPLITUDES, type ComputedUnits, scaledUnits, unitWeights } from './unit-weights.ts';

/** Rows of statistics where the policy does not say. */
const DEFAULT_ROWS = 512;
/** Steps of GradMaxOpt where the policy does not say. */
const DEFAULT_ASCENT = 100;

/** A place with what could grow there. */
interface Place {
  layerId: string;
  slot: number;
  blueprint: Blueprint;
  form: TwoLayerForm;
  parameters: number;
}

interface Found {
  /** By replica of the run. */
  units: ComputedUnits[];
  score: number;
  bottleneck: number | null;
  sizes: { inputs: number; outputs: number };
}

export class GuidedGrowth implements PolicyAdvisor {
  #blueprintOf: (name: string) => Blueprint;

  constructor(blueprintOf: (name: string) => Blueprint) {
    this.#blueprintOf = blueprintOf;
  }

  async measure(seen: Observation, look: AdvisorLook): Promise<Partial<Observation>> {
    const policy = seen.policy;
    if (policy?.kind !== 'gradmax' && policy?.kind !== 'tiny') return {};
    if (!wantsGrowth(seen)) return {};
    const method = policy.kind === 'gradmax' ? gradMaxMethod(policy) : policy.kind;
    const places = this.#places(seen);
    if (places.length === 0) return { siteScores: [] };
    const found = await findUnits(look, method, places, policy.rows, 'statistics');
    const scores = places.map((place, i) => scoreOf(place, found[i]!));
    if (policy.kind === 'tiny') {
      const order = scores
        .map((_, i) => i)
        .filter((i) => scores[i]!.units > 0)
        .sort((a, b) => scores[b]!.score - scores[a]!.score || a - b);
      for (const i of order.slice(0, policy.sites)) {
        const best = await lineSearch(look, places[i]!, found[i] as Found, 'line-search');
        Object.assign(scores[i]!, best);
      }
    }
    return { siteScores: scores };
  }

  async plant(look: AdvisorLook): Promise<void> {
    const { experiment, growth, runtime, step } = look;
    for (const record of growth.state.slots) {
      const { blueprint, bornStep, initialise, state } = record;
      if (!initialise || state.stage !== 'TRAINING' || bornStep !== step || !blueprint) continue;
      const form = twoLayerForm(blueprint);
      if (!form) continue;
      const { layerId, parameters, slot } = state;
      const place: Place = { layerId, slot, blueprint, form, parameters };
      const rows = 'rows' in experiment.policy ? experiment.policy.rows : DEFAULT_ROWS;
      const [found] = await findUnits(look, initialise, [place], rows, 'initialise');
      const seedId = state.seedId!;
      if (!found || 'obstacle' in found || found.units[0]!.fanOut.length === 0) {
        const message = `Seed ${seedId} of ${layerId} starts as its blueprint says: no direction was found for its units`;
        look.emit({ type: 'notice', level: 'info', message });
        continue;
      }
      let units = found.units;
      let how =
        initialise === 'gradmax-optimised'
          ? 'fan-out that climbed to a large gradient (GradMaxOpt)'
          : 'fan-out along the largest gradient (GradMax)';
      if (initialise === 'tiny') {
        const best = await lineSearch(look, place, found, 'initialise');
        if (best.amplitude === 0) {
          const message = `Seed ${seedId} of ${layerId} starts as its blueprint says: no amplitude of its units lowers the loss any more`;
          look.emit({ type: 'notice', level: 'info', message });
          continue;
        }
        units = units.map((u) => scaledUnits(u, best.amplitude));
        how = `fan-in and fan-out along the bottleneck at amplitude ${best.amplitude} (TINY)`;
      }
      const prefix = seedPrefix({ layerId, seedId });
      const linearised = initialise === 'tiny';
      for (let r = 0; r < runtime.replicas; r++) {
        const base = await runtime.arena.readParameter(`${prefix}.${form.into}.weight`, r);
        const weights = unitWeights(form, units[r]!, found.sizes, base, linearised);
        for (const [name, values] of weights) {
          runtime.arena.setParameter(`${prefix}.${name}`, r, values);
        }
      }
      const count = Math.min(...units.map((u) => u.fanOut.length));
      const message = `Seed ${seedId} of ${layerId}: ${count} of ${form.units} units start with ${how}`;
      look.emit({ type: 'notice', level: 'info', message });
    }
  }

  /** The first fitting blueprint of two maps for a free slot of each layer. */
  #places(o: Observation): Place[] {
    return o.layers.flatMap((layer): Place[] => {
      const slot = layer.slots.find((s) => s.stage === 'DORMANT' && o.step >= s.embargoUntil);
      if (!slot) return [];
      for (const { blueprint: name, parameters } of layer.offers) {
        if (parameters > o.budget.parametersLeft) continue;
        const blueprint = this.#blueprintOf(name);
        const form = twoLayerForm(blueprint);
        if (form) return [{ layerId: layer.layerId, slot: slot.slot, blueprint, form, parameters }];
      }
      return [];
    });
  }
}

/** Units for each place, or why there are none. */
async function findUnits(
  look: AdvisorLook,
  method: SeedInitialisation,
  places: readonly Place[],
  wantedRows: number,
  purpose: 'statistics' | 'initialise',
): Promise<(Found | { obstacle: string })[]> {
  const { experiment, growth, row, runtime, step } = look;
  const requests = places.map((place): StatisticsRequest => {
    const { host } = growth.sites.find((s) => s.layerId === place.layerId)!;
    const geometry = inferShapes(place.blueprint, host).convolutions.get(place.form.into);
    const { kernelSize } = place.form;
    return {
      layerId: place.layerId,
      // A seed of two maps has no groups: each of its units reads all channels.
      convolution: kernelSize !== null && geometry ? { kernelSize, ...geometry } : null,
      grams: method === 'tiny',
    };
  });
  const statistics = await GrowthStatistics.create(runtime, experiment, requests, wantedRows);
  try {
    const measured = await statistics.measure(step, row.alphas);
    const rows = statistics.rows * runtime.replicas;
    const detail = `gradients and activations of ${places.length} places (${method})`;
    look.emit({ type: 'policy-cost', purpose, forwardRows: rows, backwardRows: rows, detail });
    const fanOut = await Promise.all(places.map((place) => fanOutNorms(look, place.layerId)));
    return places.map((place, i) =>
      method === 'tiny'
        ? tinyUnits(place, measured[i]!)
        : gradMaxUnits(place, measured[i]!, fanOut[i]!, ascentOf(look, method, place)),
    );
  } finally {
    statistics.dispose();
  }
}

/** Ascent of each replica's units; null: they are in closed form. */
function ascentOf(
  { experiment, runtime }: AdvisorLook,
  method: SeedInitialisation,
  { layerId }: Place,
): ((replica: number) => AscentOptions) | null {
  if (method !== 'gradmax-optimised') return null;
  const { policy } = experiment;
  const own = policy.kind === 'gradmax' ? policy.ascentSteps : undefined;
  const steps = own ?? DEFAULT_ASCENT;
  return (replica) => ({ steps, seed: runtime.seeds[replica]!, name: layerId });
}

function gradMaxUnits(
  { form }: Place,
  measured: readonly SiteStatistics[],
  norms: readonly number[],
  ascent: ((replica: number) => AscentOptions) | null,
): Found {
  const { inputs, outputs } = measured[0]!;
  const found = measured.map(({ cross }, r) =>
    ascent
      ? gradMaxOptimised(cross, inputs + 1, outputs, form.units, ascent(r))
      : gradMax(cross, inputs + 1, outputs, form.units),
  );
  return {
    units: found.map((u, r) => ({
      fanIn: null,
      fanOut: u.fanOut.map((v) => v.map((x) => x * norms[r]!)),
    })),
    score: meanOf(found.map((u) => u.score)),
    bottleneck: null,
    sizes: { inputs, outputs },
  };
}

function tinyUnits(
  { form, layerId }: Place,
  measured: readonly SiteStatistics[],
): Found | { obstacle: string } {
  const { inputs, outputs } = measured[0]!;
  const found = [];
  for (const { cross, grams } of measured) {
    if (!grams) {
      const limit = `patches of more than ${MAX_GRAM - 1} numbers`;
      return { obstacle: `${layerId} or its seed reads images, ${limit}` };
    }
    const { hostInputs } = grams;
    if (Math.max(hostInputs, inputs + 1) > MAX_GRAM) {
      return { obstacle: `${layerId} reads more than ${MAX_GRAM - 1} features` };
    }
    const { gradientSquare, groups, h1g, s1, s2, s21 } = grams;
    const sizes = { c1: hostInputs, c2: inputs + 1, c: outputs };
    const sums = { s1, s2, s21, h1g, h2g: cross, gradientSquare, groups };
    found.push(tiny({ ...sizes, ...sums }, form.units));
  }
  if (found.some((u) => u.values.length === 0)) {
    return {
      obstacle: `what a seed on ${layerId} reads can do nothing that the layer's own weights cannot`,
    };
  }
  return {
    units: found.map(({ fanIn, fanOut }) => ({ fanIn, fanOut })),
    score: meanOf(found.map((u) => u.score)),
    bottleneck: meanOf(found.map((u) => u.bottleneck)),
    sizes: { inputs, outputs },
  };
}

/** The amplitude at which the units leave the lowest loss; ties go to the earlier of the list. */
async function lineSearch(
  look: AdvisorLook,
  place: Place,
  found: Found,
  purpose: 'line-search' | 'initialise',
): Promise<{ amplitude: number; lossBefore: number | null; lossAfter: number | null }> {
  const { experiment, row, runtime } = look;
  const blendMode: BlendMode = experiment.growth.blendMode;
  const choices = AMPLITUDES.map((amplitude) =>
    amplitude === 0
      ? null
      : found.units.map((units) =>
          unitWeights(place.form, scaledUnits(units, amplitude), found.sizes, null, true),
        ),
  );
  const candidate = { ...place, blendMode };
  const { losses, rows } = await candidateLosses(
    ...([runtime, experiment, candidate, choices, row.alphas] as const),
  );
  const forwardRows = rows * choices.length * runtime.replicas;
  const detail = `${choices.length} amplitudes of new units on ${place.layerId}`;
  look.emit({ type: 'policy-cost', purpose, forwardRows, backwardRows: 0, detail });
  let best = 0;
  losses.forEach((loss, i) => {
    if (Number.isFinite(loss) && loss < losses[best]!) best = i;
  });
  const finite = (loss: number) => (Number.isFinite(loss) ? loss : null);
  return {
    amplitude: AMPLITUDES[best]!,
    lossBefore: finite(losses[0]!),
    lossAfter: finite(losses[best]!),
  };
}

/**
 * Mean norm of the existing fan-out of what feeds a layer: rows of its weight, of its own group
 * where the layer has groups. By replica.
 */
async function fanOutNorms({ growth, runtime }: AdvisorLook, layerId: string): Promise<number[]> {
  const { host, outFeatures } = growth.sites.find((s) => s.layerId === layerId)!;
  const width = outFeatures / (host.kind === 'conv2d' ? (host.groups ?? 1) : 1);
  const norms: number[] = [];
  for (let r = 0; r < runtime.replicas; r++) {
    const weight = await runtime.arena.readParameter(`${layerId}.weight`, r);
    const rows = weight.length / width;
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      let square = 0;
      for (let o = 0; o < width; o++) square += weight[i * width + o]! ** 2;
      sum += Math.sqrt(square);
    }
    // A layer of zeros has no scale to follow.
    norms.push(sum > 0 ? sum / rows : 1);
  }
  return norms;
}

function scoreOf(place: Place, found: Found | { obstacle: string }): SiteScore {
  const { blueprint, layerId, parameters, slot } = place;
  const where = { layerId, slot, blueprint: blueprint.name, parameters };
  const blank = { amplitude: null, lossBefore: null, lossAfter: null };
  if ('obstacle' in found) {
    return { ...where, units: 0, score: 0, bottleneck: null, ...blank, obstacle: found.obstacle };
  }
  const { bottleneck, score } = found;
  const units = Math.min(...found.units.map((u) => u.fanOut.length));
  return { ...where, units, score, bottleneck, ...blank, obstacle: null };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
