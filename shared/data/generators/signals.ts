/**
 * A procedural one-dimensional task with ten classes: a short shape lies somewhere in a longer
 * signal, shifted, stretched, tilted and under noise, so that what decides the class is the shape
 * and not what happens at a given position. In the spirit of MNIST-1D, with shapes of our own.
 *
 * Source of the idea: Greydanus & Kobak 2024, "Scaling down deep learning with MNIST-1D".
 */
import { RandomStream } from '../../base/random.ts';
import type { DataSpec } from '../../contracts/experiment.ts';
import type { CodedData } from '../coded-data.ts';
import { generatedPart } from './generated-part.ts';

/** Heights at equal distances, in tenths. Several pairs are mirror images on purpose. */
const SHAPES: readonly (readonly [name: string, heights: readonly number[]])[] = [
  ['arch', [0, 4, 7, 9, 10, 10, 9, 7, 4, 0]],
  ['spike', [0, -1, -1, 3, 10, 10, 3, -1, -1, 0]],
  ['ramp', [0, 1, 2, 4, 5, 6, 8, 9, 10, 0]],
  ['fall', [0, 10, 9, 8, 6, 5, 4, 2, 1, 0]],
  ['twins', [0, 8, 10, 4, -1, -1, 4, 10, 8, 0]],
  ['wave', [0, 7, 10, 7, 1, -1, -7, -10, -7, 0]],
  ['trough', [0, -7, -10, -7, -1, 1, 7, 10, 7, 0]],
  ['stairs', [0, 3, 3, 3, 7, 7, 7, 10, 10, 0]],
  ['notch', [0, 9, 9, 8, -8, -8, 8, 9, 9, 0]],
  ['chirp', [0, 10, 8, -4, -9, 2, 9, -6, 7, 0]],
];

/** Knots of the slow noise in one signal. */
const NOISE_KNOTS = 11;
/** White noise as a share of the slow noise. */
const WHITE_SHARE = 0.2;

/** Value at `t` in [0, 1] of a curve through equally spaced knots, joined by half cosines. */
function curveAt(knots: readonly number[], t: number): number {
  const position = t * (knots.length - 1);
  const i = Math.min(Math.floor(position), knots.length - 2);
  const weight = (1 - Math.cos(Math.PI * (position - i))) / 2;
  return knots[i]! * (1 - weight) + knots[i + 1]! * weight;
}

function between(random: RandomStream, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

/**
 * `samples` signals of `length` values, classes in turn. A shape covers 35 to 60 % of the signal,
 * is scaled by 0.7 to 1.3 and tilted by a slope of up to ±0.5 over the whole signal; `noise` is
 * the deviation of slow noise, with a fifth of it as white noise. Values are about [-2, 2].
 */
export function generateSignals(
  spec: Extract<DataSpec, { source: 'signals' }>,
  seed: number,
): CodedData {
  const { samples, length, noise } = spec;
  const form = new RandomStream(seed, 'data/signals/form');
  const jitter = new RandomStream(seed, 'data/signals/noise');
  const order = Array.from({ length }, (_, i) => i);
  // One permutation for every seed: the shuffled task is one task.
  if (spec.shuffled) new RandomStream(0, 'data/signals/permutation').shuffle(order);

  const values = new Float64Array(samples * length);
  const labels: number[] = [];
  for (let s = 0; s < samples; s++) {
    const label = s % SHAPES.length;
    const heights = SHAPES[label]![1];
    const extent = between(form, 0.35, 0.6);
    const start = between(form, 0, 1 - extent);
    const scale = between(form, 0.7, 1.3) / 10;
    const slope = between(form, -0.5, 0.5);
    const slow = Array.from({ length: NOISE_KNOTS }, () => noise * jitter.normal());
    for (let i = 0; i < length; i++) {
      const t = i / (length - 1);
      const inShape = (t - start) / extent;
      const shape = inShape > 0 && inShape < 1 ? scale * curveAt(heights, inShape) : 0;
      values[s * length + order[i]!] =
        shape + slope * (t - 0.5) + curveAt(slow, t) + WHITE_SHARE * noise * jitter.normal();
    }
    labels.push(label);
  }
  return {
    name: spec.shuffled ? 'signals-shuffled' : 'signals',
    features: length,
    imageShape: null,
    classes: SHAPES.map(([name]) => name),
    train: generatedPart('signals', values, labels),
    test: null,
    defaultScaling: 'none',
  };
}
