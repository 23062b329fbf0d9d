/**
 * Numbers the forge tests a seed with, a pure function of names: the same on every machine. All in
 * storage order, padding zero.
 */
import { RandomStream } from '../base/random.ts';
import type { Plan, PlannedParameter } from '../engine/plan/plan.ts';
import { numel, pack, padLast } from '../engine/plan/shape.ts';
import { initialValues } from '../nn/initialise.ts';
import { parameterName } from './fragment.ts';

type Floats = Float32Array<ArrayBuffer>;

/** Seed of the template weights. */
const TEMPLATE_SEED = 0;

/** Logical template values of a parameter, drawn by its name within the blueprint. */
export function templateValues(parameter: PlannedParameter): Floats {
  return initialValues({ ...parameter, name: parameterName(parameter) }, TEMPLATE_SEED);
}

/** An arena filled parameter by parameter. */
export function arenaOf(plan: Plan, values: (parameter: PlannedParameter) => Floats): Floats {
  const arena = new Float32Array(plan.parameterElements);
  for (const p of plan.parameters) arena.set(pack(values(p), p.shape, p.padded), p.offset);
  return arena;
}

/** As {@link templateValues}, but no parameter starts at zero, biases included. */
export function nonZeroValues(parameter: PlannedParameter): Floats {
  const random = new RandomStream(TEMPLATE_SEED, `forge/${parameterName(parameter)}`);
  const { fanIn } = parameter.init;
  const isBias = parameter.shape.length === 1;
  const bound = isBias ? 0.5 : Math.sqrt(3 / fanIn);
  return new Float32Array(numel(parameter.shape)).map(() => (2 * random.uniform() - 1) * bound);
}

/**
 * Uniform rows [batch, ...features].
 *
 * @param rows The first `rows` rows are drawn and then repeated.
 */
export function uniformRows(
  name: string,
  [from, to]: readonly [number, number],
  features: readonly number[],
  batch: number,
  rows = batch,
): Floats {
  const random = new RandomStream(TEMPLATE_SEED, `forge/${name}`);
  const size = numel(features);
  const values = new Float32Array(batch * size);
  for (let i = 0; i < values.length; i++) {
    values[i] = i < rows * size ? from + (to - from) * random.uniform() : values[i - rows * size]!;
  }
  const shape = [batch, ...features];
  return pack(values, shape, padLast(shape, 1));
}
