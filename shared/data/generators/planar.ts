/**
 * Small tasks in the plane: two moons, two circles, XOR, and Gaussian blobs (in any number of
 * dimensions). Coordinates span about [-1, 1]; classes take turns, so they are equally frequent.
 */
import { RandomStream } from '../../base/random.ts';
import type { DataSpec } from '../../contracts/experiment.ts';
import type { CodedData } from '../coded-data.ts';
import { generatedPart } from './generated-part.ts';

type PlanarSpec = Extract<DataSpec, { source: 'moons' | 'circles' | 'xor' }>;
type BlobsSpec = Extract<DataSpec, { source: 'blobs' }>;

/** Radius of the inner circle; the outer one has radius 1. */
const INNER_CIRCLE = 0.5;
/** Candidates among which each new blob centre is the one farthest from the others. */
const CENTRE_CANDIDATES = 32;

/** A point of class `label` without noise; `place` draws its place. */
const SHAPES: Record<
  PlanarSpec['source'],
  (label: number, place: RandomStream) => [number, number]
> = {
  /** Two half circles of radius 2/3, each reaching into the other's opening. */
  moons(label, place) {
    const angle = Math.PI * place.uniform();
    const x = label === 0 ? Math.cos(angle) : 1 - Math.cos(angle);
    const y = label === 0 ? Math.sin(angle) : 0.5 - Math.sin(angle);
    return [(x - 0.5) / 1.5, (y - 0.25) / 1.5];
  },
  circles(label, place) {
    const angle = 2 * Math.PI * place.uniform();
    const radius = label === 0 ? 1 : INNER_CIRCLE;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  /** Four clusters at (±0.5, ±0.5); class 1 where the signs differ. */
  xor(label, place) {
    const x = place.uniform() < 0.5 ? -0.5 : 0.5;
    return [x, label === 0 ? x : -x];
  },
};

/** Moons, circles or XOR: `samples` points with Gaussian noise of deviation `noise`. */
export function generatePlanar(spec: PlanarSpec, seed: number): CodedData {
  const place = new RandomStream(seed, `data/${spec.source}/place`);
  const jitter = new RandomStream(seed, `data/${spec.source}/noise`);
  const values = new Float64Array(2 * spec.samples);
  const labels: number[] = [];
  for (let i = 0; i < spec.samples; i++) {
    const label = i % 2;
    const [x, y] = SHAPES[spec.source](label, place);
    values[2 * i] = x + spec.noise * jitter.normal();
    values[2 * i + 1] = y + spec.noise * jitter.normal();
    labels.push(label);
  }
  return {
    name: spec.source,
    features: 2,
    imageShape: null,
    classes: ['0', '1'],
    train: generatedPart(spec.source, values, labels),
    test: null,
    defaultScaling: 'none',
  };
}

/**
 * One Gaussian blob a class around well-spread centres in [-0.75, 0.75]^dimensions. Its standard
 * deviation is `spread` times half the smallest distance between two centres.
 */
export function generateBlobs(spec: BlobsSpec, seed: number): CodedData {
  const { samples, classes, dimensions, spread } = spec;
  const centres = spreadCentres(classes, dimensions, new RandomStream(seed, 'data/blobs/centres'));
  let nearest = Number.POSITIVE_INFINITY;
  centres.forEach((a, i) => {
    for (const b of centres.slice(0, i)) nearest = Math.min(nearest, distance(a, b));
  });
  const deviation = (spread * nearest) / 2;
  const jitter = new RandomStream(seed, 'data/blobs/noise');
  const values = new Float64Array(samples * dimensions);
  const labels: number[] = [];
  for (let i = 0; i < samples; i++) {
    const label = i % classes;
    for (let d = 0; d < dimensions; d++) {
      values[i * dimensions + d] = centres[label]![d]! + deviation * jitter.normal();
    }
    labels.push(label);
  }
  return {
    name: 'blobs',
    features: dimensions,
    imageShape: null,
    classes: centres.map((_, i) => String(i)),
    train: generatedPart('blobs', values, labels),
    test: null,
    defaultScaling: 'none',
  };
}

/** Mitchell's best candidate: each centre is the farthest of a few from those before it. */
function spreadCentres(count: number, dimensions: number, random: RandomStream): number[][] {
  const centres: number[][] = [];
  while (centres.length < count) {
    let best: number[] = [];
    let bestDistance = -1;
    for (let c = 0; c < CENTRE_CANDIDATES; c++) {
      const candidate = Array.from({ length: dimensions }, () => 1.5 * random.uniform() - 0.75);
      const nearest = Math.min(2, ...centres.map((centre) => distance(centre, candidate)));
      if (nearest > bestDistance) {
        best = candidate;
        bestDistance = nearest;
      }
    }
    centres.push(best);
  }
  return centres;
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, d) => value - b[d]!));
}
