/**
 * LinUCB (Li et al. 2010, "A contextual-bandit approach to personalized news article
 * recommendation", WWW), disjoint: each arm is a ridge regression of reward on the features of the
 * look, chosen by its upper confidence bound. An arm is a kind of place with a blueprint.
 */
import type { LayerObservation, Observation } from '../contracts/decision.ts';
import type { BanditArm, PolicyKnowledge } from '../contracts/knowledge.ts';
import { measured } from './decision-record.ts';

/** What is looked at, each number in [0, 1]; unmeasured is 0. */
export const FEATURES = [
  'one',
  'trainAccuracy',
  'loss',
  'progress',
  'gradientShare',
  'deadUnits',
  'size',
] as const;

export const EMPTY_KNOWLEDGE: PolicyKnowledge = {
  version: 1,
  policy: 'bandit',
  features: [...FEATURES],
  arms: {},
};

const PLACES = {
  linear: ['linear-hidden', 'linear-first', 'linear-last', 'linear-only'],
  conv2d: ['conv2d-hidden', 'conv2d-first', 'conv2d-last', 'conv2d-only'],
} as const;

/** `linear-first`, `linear-hidden`, `linear-last`, `linear-only`, and so for conv2d. */
export function placeKind(
  layers: readonly Pick<LayerObservation, 'kind'>[],
  index: number,
): (typeof PLACES)[LayerObservation['kind']][number] {
  const { kind } = layers[index]!;
  const isFirst = index === 0;
  const isLast = index === layers.length - 1;
  return PLACES[kind][((isFirst ? 1 : 0) + (isLast ? 2 : 0)) as 0 | 1 | 2 | 3];
}

export function armName(place: string, blueprint: string): string {
  return `${place}|${blueprint}`;
}

/** What is the same for all choices of a look. */
export interface LookContext {
  trainAccuracy: number;
  loss: number;
  progress: number;
  layers: ReadonlyMap<string, LayerLook>;
  largestGradient: number;
}

/** The newest signals of a layer; null: unmeasured. */
export interface LayerLook {
  rootOfParameters: number;
  /** Gradient norm per root of parameters. */
  gradient: number | null;
  /** Share of dead units. */
  deadUnits: number | null;
}

export function lookContext(o: Observation): LookContext {
  const newest = o.history.at(-1);
  const loss = Math.max(0, measured(newest?.loss) ?? 0);
  const layers = new Map<string, LayerLook>();
  for (const { layerId, parameters } of o.layers) {
    const rootOfParameters = Math.sqrt(Math.max(1, parameters));
    layers.set(layerId, { rootOfParameters, gradient: null, deadUnits: null });
  }
  let largestGradient = 0;
  for (const signal of o.signals) {
    if (signal.seedId !== null) continue;
    const layer = layers.get(signal.layerId);
    if (!layer) continue;
    const norm = measured(signal.gradientNorm);
    layer.gradient = norm === null ? null : norm / layer.rootOfParameters;
    layer.deadUnits = measured(signal.deadUnitRatio);
    largestGradient = Math.max(largestGradient, layer.gradient ?? 0);
  }
  return {
    trainAccuracy: measured(newest?.accuracy) ?? 0,
    loss: loss / (1 + loss),
    progress: Math.min(1, o.step / o.totalSteps),
    layers,
    largestGradient,
  };
}

/**
 * Features of planting `parameters` values on a layer, in the order of {@link FEATURES}.
 *
 * @param into Array to write them to and return; absent: a new one.
 */
export function featuresOf(
  look: LookContext,
  layer: LayerLook | undefined,
  parameters: number,
  into: number[] = [],
): number[] {
  const { largestGradient } = look;
  const gradient = layer?.gradient ?? null;
  into[0] = 1;
  into[1] = look.trainAccuracy;
  into[2] = look.loss;
  into[3] = look.progress;
  into[4] = gradient !== null && largestGradient > 0 ? gradient / largestGradient : 0;
  into[5] = layer?.deadUnits ?? 0;
  into[6] = parameters / (parameters + 1000);
  return into;
}

/** An arm ready to be asked: its inverse and its weights. */
export interface ArmModel {
  inverse: Float64Array;
  weights: Float64Array;
  pulls: number;
}

/** (ridge I + gram)^-1 and the ridge estimate. An unknown arm is the prior alone. */
export function armModel(arm: BanditArm | undefined, ridge: number, d: number): ArmModel {
  const a = new Float64Array(d * d);
  for (let i = 0; i < d * d; i++) a[i] = arm?.gram[i] ?? 0;
  for (let i = 0; i < d; i++) a[i * d + i] = (a[i * d + i] as number) + ridge;
  const inverse = invertSymmetric(a, d);
  const weights = new Float64Array(d);
  for (let i = 0; i < d; i++) {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (inverse[i * d + j] as number) * (arm?.moment[j] ?? 0);
    weights[i] = sum;
  }
  return { inverse, weights, pulls: arm?.pulls ?? 0 };
}

/** Estimated reward and the width of its confidence bound at x. */
export function estimate(
  { inverse, weights }: ArmModel,
  x: readonly number[],
): { mean: number; width: number } {
  const d = x.length;
  let mean = 0;
  let square = 0;
  for (let i = 0; i < d; i++) {
    const xi = x[i] as number;
    mean += (weights[i] as number) * xi;
    let row = 0;
    for (let j = 0; j < d; j++) row += (inverse[i * d + j] as number) * (x[j] as number);
    square += xi * row;
  }
  return { mean, width: Math.sqrt(Math.max(0, square)) };
}

/** Sums of both; arms and features must be those of one version. */
export function addKnowledge(a: PolicyKnowledge, b: PolicyKnowledge): PolicyKnowledge {
  if (a.features.join() !== b.features.join()) {
    throw new RangeError(
      `Cannot add knowledge about [${b.features.join(', ')}] to that about [${a.features.join(', ')}]: the features differ`,
    );
  }
  const arms = { ...a.arms };
  for (const [name, more] of Object.entries(b.arms)) {
    const known = arms[name];
    arms[name] = known
      ? {
          gram: known.gram.map((v, i) => v + (more.gram[i] as number)),
          moment: known.moment.map((v, i) => v + (more.moment[i] as number)),
          pulls: known.pulls + more.pulls,
          rewardSum: known.rewardSum + more.rewardSum,
        }
      : more;
  }
  return { ...a, arms };
}

/** Inverse of a symmetric positive definite matrix, by Gauss and Jordan; d is small. */
function invertSymmetric(matrix: Float64Array, d: number): Float64Array {
  const a = Float64Array.from(matrix);
  const inverse = new Float64Array(d * d);
  for (let i = 0; i < d; i++) inverse[i * d + i] = 1;
  for (let p = 0; p < d; p++) {
    const pivot = a[p * d + p] as number;
    for (let j = 0; j < d; j++) {
      a[p * d + j] = (a[p * d + j] as number) / pivot;
      inverse[p * d + j] = (inverse[p * d + j] as number) / pivot;
    }
    for (let i = 0; i < d; i++) {
      if (i === p) continue;
      const factor = a[i * d + p] as number;
      if (factor === 0) continue;
      for (let j = 0; j < d; j++) {
        a[i * d + j] = (a[i * d + j] as number) - factor * (a[p * d + j] as number);
        inverse[i * d + j] =
          (inverse[i * d + j] as number) - factor * (inverse[p * d + j] as number);
      }
    }
  }
  return inverse;
}
