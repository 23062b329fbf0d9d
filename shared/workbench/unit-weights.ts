/** Computed fan-in and fan-out as the weights of a seed of two maps with an activation between. */
import { AT_ZERO, type TwoLayerForm } from '../blueprints/two-layer-form.ts';
import type { SeedWeights } from '../tolaria/candidate-evaluator.ts';

export interface ComputedUnits {
  /** `inputs` numbers a unit and its bias; null: all 0. */
  fanIn: readonly Float64Array[] | null;
  /** `outputs` numbers a unit. */
  fanOut: readonly Float64Array[];
}

/** Amplitudes of the line search: 0, and powers of two either way. 1 is the least-squares step. */
export const AMPLITUDES: readonly number[] = [
  0,
  ...[-8, -6, -4, -3, -2, -1, 0, 1, 2].flatMap((e) => [2 ** e, -(2 ** e)]),
];

/** The units with their joint effect times `amplitude`, shared evenly by fan-in and fan-out. */
export function scaledUnits(units: ComputedUnits, amplitude: number): ComputedUnits {
  const root = Math.sqrt(Math.abs(amplitude));
  const sign = amplitude < 0 ? -root : root;
  return {
    fanIn: units.fanIn?.map((v) => v.map((x) => x * root)) ?? null,
    fanOut: units.fanOut.map((v) => v.map((x) => x * sign)),
  };
}

/**
 * Weights of the seed. Units beyond those computed keep their fan-in of `base` and have no fan-out:
 * they learn as the blueprint's own would.
 *
 * @param base First values of the map into the units, inputs x units; null: 0.
 * @param linearised The fan-out was computed for units without activation: it is divided by the
 *   activation's slope at 0.
 */
export function unitWeights(
  form: TwoLayerForm,
  computed: ComputedUnits,
  sizes: { inputs: number; outputs: number },
  base: Float32Array | null,
  linearised: boolean,
): SeedWeights {
  const { inputs, outputs } = sizes;
  const { units } = form;
  const { slope, value } = AT_ZERO[form.activation];
  const into = base ? Float32Array.from(base) : new Float32Array(inputs * units);
  const intoBias = new Float32Array(units);
  const out = new Float32Array(units * outputs);
  const outBias = new Float32Array(outputs);
  computed.fanOut.forEach((fanOut, j) => {
    const fanIn = computed.fanIn?.[j];
    for (let i = 0; i < inputs; i++) into[i * units + j] = fanIn?.[i] ?? 0;
    intoBias[j] = fanIn?.[inputs] ?? 0;
    for (let o = 0; o < outputs; o++) {
      const weight = Math.fround(fanOut[o]! / (linearised ? slope : 1));
      out[j * outputs + o] = weight;
      // What the activation gives at 0 is taken off again, so that a unit at rest adds nothing.
      outBias[o]! -= value * weight;
    }
  });
  return new Map([
    [`${form.into}.weight`, into],
    [`${form.into}.bias`, intoBias],
    [`${form.out}.weight`, out],
    [`${form.out}.bias`, outBias],
  ]);
}
