/**
 * A procedural image task with ten classes: handwritten-looking digits, drawn as strokes with
 * random shift, scale, rotation, slant, wobble, pen width and ink, then pixel noise.
 */
import { RandomStream } from '../../base/random.ts';
import type { DataSpec } from '../../contracts/experiment.ts';
import type { CodedData } from '../coded-data.ts';
import { generatedPart } from './generated-part.ts';
import { DIGIT_STROKES, type Point, type Stroke } from './glyph-strokes.ts';

/** Largest displacement of a stroke's points, as a share of the digit's height. */
const WOBBLE = 0.03;

/** Uniform in [-1, 1). */
function either(random: RandomStream): number {
  return 2 * random.uniform() - 1;
}

/**
 * `samples` grey images of `size` x `size` pixels in [0, 1], digits in turn, ink is bright. `noise`
 * is the deviation of the pixel noise, cut off at 0 and 1.
 */
export function generateGlyphs(
  spec: Extract<DataSpec, { source: 'glyphs' }>,
  seed: number,
): CodedData {
  const { samples, size, noise } = spec;
  const form = new RandomStream(seed, 'data/glyphs/form');
  const jitter = new RandomStream(seed, 'data/glyphs/noise');
  const pixels = size * size;
  const values = new Float32Array(samples * pixels);
  const labels: number[] = [];
  for (let s = 0; s < samples; s++) {
    const label = s % DIGIT_STROKES.length;
    const image = values.subarray(s * pixels, (s + 1) * pixels);
    drawDigit(image, size, DIGIT_STROKES[label]!, form);
    for (let i = 0; i < pixels; i++) {
      image[i] = Math.min(1, Math.max(0, image[i]! + noise * jitter.normal()));
    }
    labels.push(label);
  }
  return {
    name: 'glyphs',
    features: pixels,
    imageShape: [size, size, 1],
    classes: DIGIT_STROKES.map((_, digit) => String(digit)),
    train: generatedPart('glyphs', values, labels),
    test: null,
    defaultScaling: 'none',
  };
}

/** Draws strokes with a random hand. `image` is [size, size], all zero before. */
function drawDigit(
  image: Float32Array,
  size: number,
  strokes: readonly Stroke[],
  form: RandomStream,
): void {
  const angle = 0.4 * either(form);
  const slant = 0.35 * either(form);
  const scale = 0.8 + 0.22 * either(form);
  const aspect = 1 + 0.2 * either(form);
  const shiftX = 0.13 * either(form);
  const shiftY = 0.13 * either(form);
  const halfWidth = size * (0.055 + 0.02 * either(form));
  const ink = 0.85 + 0.15 * either(form);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const place = ([px, py]: Point): Point => {
    const y = (py - 0.5 + WOBBLE * either(form)) * scale * aspect;
    const x = (px - 0.5 + WOBBLE * either(form)) * scale + slant * y;
    return [size * (0.5 + shiftX + cos * x - sin * y), size * (0.5 + shiftY + sin * x + cos * y)];
  };
  for (const stroke of strokes) {
    const points = stroke.map(place);
    points.forEach((to, i) => {
      if (i > 0) drawSegment(image, size, points[i - 1]!, to, halfWidth, ink);
    });
  }
}

/** Anti-aliased line with round ends; where lines overlap, the brighter one stays. */
function drawSegment(
  image: Float32Array,
  size: number,
  [ax, ay]: Point,
  [bx, by]: Point,
  halfWidth: number,
  ink: number,
): void {
  const reach = halfWidth + 1;
  const first = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - reach));
  const last = (a: number, b: number) => Math.min(size - 1, Math.ceil(Math.max(a, b) + reach));
  const lengthSquared = (bx - ax) ** 2 + (by - ay) ** 2;
  for (let row = first(ay, by); row <= last(ay, by); row++) {
    for (let column = first(ax, bx); column <= last(ax, bx); column++) {
      const x = column + 0.5 - ax;
      const y = row + 0.5 - ay;
      const along = lengthSquared > 0 ? (x * (bx - ax) + y * (by - ay)) / lengthSquared : 0;
      const t = Math.min(1, Math.max(0, along));
      const distance = Math.sqrt((x - t * (bx - ax)) ** 2 + (y - t * (by - ay)) ** 2);
      const coverage = Math.min(1, Math.max(0, 0.5 + halfWidth - distance));
      const at = row * size + column;
      image[at] = Math.max(image[at]!, ink * coverage);
    }
  }
}
