/**
 * Two intertwined spirals in the plane: the fixed benchmark of 194 points, and a sampled, noisy
 * version of any size.
 *
 * Source: the CMU two-spirals benchmark (Lang & Witbrock 1988, "Learning to tell two spirals
 * apart"; generator by Alexis Wieland).
 */
import { RandomStream } from '../../base/random.ts';
import type { DataSpec } from '../../contracts/experiment.ts';
import type { CodedData, CodedPart } from '../coded-data.ts';
import { generatedPart } from './generated-part.ts';

/** Radius of the benchmark's outermost point; coordinates are divided by it, so they span [-1, 1]. */
export const BENCHMARK_RADIUS = 6.5;

/** Points of one arm; each is followed by its mirror image through the origin. */
const ARM_POINTS = 97;
/** Radius, as a share of the whole, at which the noisy arms start: at 0 they would touch. */
const INNER_RADIUS = 0.1;

/** Point `i` of the benchmark's first arm, i from 0 to 96, halves allowed. Radius at most 6.5. */
export function benchmarkPoint(i: number): [number, number] {
  const radius = (BENCHMARK_RADIUS * (104 - i)) / 104;
  const angle = (i * Math.PI) / 16;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

function benchmarkPart(name: string, indices: readonly number[]): CodedPart {
  const values: number[] = [];
  const labels: number[] = [];
  for (const i of indices) {
    const [x, y] = benchmarkPoint(i);
    values.push(x / BENCHMARK_RADIUS, y / BENCHMARK_RADIUS);
    values.push(-x / BENCHMARK_RADIUS, -y / BENCHMARK_RADIUS);
    labels.push(1, 0);
  }
  return generatedPart(name, Float64Array.from(values), labels);
}

/**
 * `benchmark`: 194 training points, and as test the 192 points half way between them along the
 * arms; the same for every seed. `noisy`: `samples` points on arms of `turns` turns and radius 1.
 */
export function generateTwoSpirals(
  spec: Extract<DataSpec, { source: 'two-spirals' }>,
  seed: number,
): CodedData {
  const isBenchmark = spec.variant === 'benchmark';
  const whole = Array.from({ length: ARM_POINTS }, (_, i) => i);
  const halves = whole.slice(0, -1).map((i) => i + 0.5);
  return {
    name: 'two-spirals',
    features: 2,
    imageShape: null,
    classes: ['0', '1'],
    train: isBenchmark
      ? benchmarkPart('two-spirals', whole)
      : noisyPart(spec.samples, spec.noise, spec.turns, seed),
    test: isBenchmark ? benchmarkPart('two-spirals test', halves) : null,
    defaultScaling: 'none',
  };
}

function noisyPart(samples: number, noise: number, turns: number, seed: number): CodedPart {
  const place = new RandomStream(seed, 'data/two-spirals/place');
  const jitter = new RandomStream(seed, 'data/two-spirals/noise');
  // Neighbouring arms are half a turn apart.
  const deviation = (noise * (1 - INNER_RADIUS)) / (2 * turns);
  const values = new Float64Array(2 * samples);
  const labels: number[] = [];
  for (let i = 0; i < samples; i++) {
    const label = i % 2;
    // The root spreads the points evenly along the arm.
    const share = Math.sqrt(place.uniform());
    const radius = INNER_RADIUS + (1 - INNER_RADIUS) * share;
    const angle = 2 * Math.PI * turns * share + Math.PI * label;
    values[2 * i] = radius * Math.cos(angle) + deviation * jitter.normal();
    values[2 * i + 1] = radius * Math.sin(angle) + deviation * jitter.normal();
    labels.push(label);
  }
  return generatedPart('two-spirals', values, labels);
}
