/**
 * GradMaxOpt as its source runs it: from a random fan-out w, steps of Adam up the norm of the gradient
 * that the new unit will feel, ||B w||, after each of which w has its first length again.
 *
 * Adam moves a weight by its learning rate at most, whatever the slope: with 100 steps of 0.001 and
 * fan-outs of length 1 a direction turns by some degrees. Shape, steps and constants are the source's
 * (Keras' defaults for Adam); the ascent of the policy is in tamiyo/gradmax-optimised.ts.
 *
 * Source: google-research/growneuron, growers.py, AddGradmaxOptim; Kingma & Ba 2015.
 */
const RATE = 1e-3;
const [BETA1, BETA2] = [0.9, 0.999];
const EPSILON = 1e-7;

/**
 * @param b B = x' G / N, [inputs][outputs].
 * @param start Fan-out it starts from, `outputs` long; its length is kept.
 */
export function adamAscent(
  b: readonly (readonly number[])[],
  start: readonly number[],
  steps: number,
): number[] {
  const length = Math.hypot(...start);
  let w = [...start];
  const m = start.map(() => 0);
  const v = start.map(() => 0);
  for (let step = 1; step <= steps; step++) {
    const felt = b.map((row) => row.reduce((sum, x, o) => sum + x * w[o]!, 0));
    const norm = Math.hypot(...felt);
    if (norm === 0) return w;
    const rate = (RATE * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step);
    const moved = w.map((value, o) => {
      const slope = felt.reduce((sum, f, i) => sum + f * b[i]![o]!, 0) / norm;
      m[o] = BETA1 * m[o]! + (1 - BETA1) * slope;
      v[o] = BETA2 * v[o]! + (1 - BETA2) * slope * slope;
      return value + (rate * m[o]!) / (Math.sqrt(v[o]!) + EPSILON);
    });
    const scale = length / Math.hypot(...moved);
    w = moved.map((value) => value * scale);
  }
  return w;
}
