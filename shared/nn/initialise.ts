/**
 * First values of parameters. Each parameter draws from its own stream, named after it, so that
 * adding a layer or a seed changes no other parameter's values.
 */
import { RandomStream } from '../base/random.ts';
import type { PlannedParameter } from '../engine/plan/plan.ts';
import { numel } from '../engine/plan/shape.ts';

/**
 * Logical values, row-major, float32.
 *
 * `kaiming`: uniform in +-sqrt(3 / fanIn), variance 1 / fanIn (the gain is left to the layer);
 * `xavier`: uniform in +-sqrt(6 / (fanIn + fanOut)).
 *
 * Source: LeCun et al. 1998, "Efficient BackProp" (variance 1 / fanIn); Glorot & Bengio 2010.
 *
 * @param seed Seed of the replica.
 */
export function initialValues(
  parameter: Pick<PlannedParameter, 'name' | 'shape' | 'init'>,
  seed: number,
): Float32Array<ArrayBuffer> {
  const { kind, fanIn, fanOut } = parameter.init;
  const values = new Float32Array(numel(parameter.shape));
  if (kind === 'zeros') return values;
  if (kind === 'ones') return values.fill(1);
  const bound = kind === 'kaiming' ? Math.sqrt(3 / fanIn) : Math.sqrt(6 / (fanIn + fanOut));
  const random = new RandomStream(seed, `init/${parameter.name}`);
  for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * bound;
  return values;
}

/** Seed of replica r: replica 0 has the run's own, so that R = 1 is replica 0 of every R. */
export function replicaSeed(seed: number, replica: number): number {
  return replica === 0 ? seed >>> 0 : (seed + Math.imul(replica, 0x9e3779b9)) >>> 0;
}
