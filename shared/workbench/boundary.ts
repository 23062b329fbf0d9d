/** The decision boundary of a two-feature task: the network's class probabilities on a grid. */
import type { BoundaryImage } from '../contracts/engine-protocol.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Trainer } from '../tolaria/trainer.ts';

/** Room around the data, as a share of their extent. */
const MARGIN = 0.12;

/** [minX, minY, maxX, maxY] of the training points with a margin, in scaled units. */
export function extentOf(dataset: Dataset): [number, number, number, number] {
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < dataset.train.size; i++) {
    const x = dataset.train.x[2 * i]!;
    const y = dataset.train.x[2 * i + 1]!;
    minX = Math.min(minX, x);
    maxX = Math.max(maxX, x);
    minY = Math.min(minY, y);
    maxY = Math.max(maxY, y);
  }
  const dx = (maxX - minX || 1) * MARGIN;
  const dy = (maxY - minY || 1) * MARGIN;
  return [minX - dx, minY - dy, maxX + dx, maxY + dy];
}

export async function drawBoundary(
  trainer: Trainer,
  dataset: Dataset,
  resolution: number,
): Promise<BoundaryImage> {
  const extent = extentOf(dataset);
  const [minX, minY, maxX, maxY] = extent;
  const rows = new Float32Array(resolution * resolution * 2);
  for (let j = 0; j < resolution; j++) {
    for (let i = 0; i < resolution; i++) {
      const at = 2 * (j * resolution + i);
      rows[at] = minX + ((i + 0.5) / resolution) * (maxX - minX);
      rows[at + 1] = minY + ((j + 0.5) / resolution) * (maxY - minY);
    }
  }
  const step = trainer.step;
  const { logits, stride } = await trainer.predict(rows);
  const classes = dataset.classes.length;
  const probabilities = new Float32Array(resolution * resolution * classes);
  for (let p = 0; p < resolution * resolution; p++) {
    softmax(logits, p * stride, probabilities, p * classes, classes);
  }
  return { step, resolution, classes, extent, probabilities };
}

/** Class probabilities from `n` logits at `at`. */
export function softmax(
  from: Float32Array,
  at: number,
  to: Float32Array,
  out: number,
  n: number,
): void {
  let max = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < n; k++) max = Math.max(max, from[at + k]!);
  let sum = 0;
  for (let k = 0; k < n; k++) {
    const e = Math.exp(from[at + k]! - max);
    to[out + k] = e;
    sum += e;
  }
  for (let k = 0; k < n; k++) to[out + k]! /= sum;
}
