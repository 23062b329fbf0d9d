/** Lowering of the statistics of activations and gradients. */
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import type { Lowering } from './kernel-call.ts';
import { lineGrid, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** At most this many rows of an activation are looked at; more are sampled at an even distance. */
const SAMPLED_ROWS = 20_000;
/** From this many rows on a workgroup shares a vec4 of columns; the shape alone decides. */
const MANY_ROWS = 1024;
/** From this many vec4s of gradients on a workgroup shares a segment. */
const LARGE_ARENA4 = 8192;

const activationStats: Lowering = (d, c) => {
  const [y, stats] = [d.inputs[0]!, d.outputs[0]!];
  const stored = y.padded.at(-1)!;
  const rows = y.elements / stored;
  const sample = Math.ceil(rows / SAMPLED_ROWS);
  const count = Math.ceil(rows / sample);
  const shared = count >= MANY_ROWS;
  const lanes = shared ? LINE_SIZE : 1;
  checkLoop('activation_stats', (2 * count) / lanes + 64, 'use a smaller batch');
  return {
    shader: 'activation_stats',
    defines: { LANES: lanes },
    constants: {
      C4: stored / LANES,
      C: y.shape.at(-1)!,
      COUNT: count,
      SAMPLE: sample,
      Y_STRIDE: y.replicaStride / LANES,
    },
    bindings: [read(y, c), write(stats, c)],
    grid: [...lineGrid(stored / LANES, shared ? 1 : LINE_SIZE), c.replicas],
  };
};

const gradientStats: Lowering = (d, c) => {
  const [gradients, segments] = d.inputs as [PlannedTensor, PlannedTensor];
  const count = numberAttr(d.attrs, 'segments');
  const size4 = gradients.elements / LANES;
  const lanes = size4 > LARGE_ARENA4 ? LINE_SIZE : 1;
  checkLoop('gradient_stats', size4 / lanes + 8, 'use a smaller model');
  return {
    shader: 'gradient_stats',
    defines: { LANES: lanes },
    constants: {
      SEGMENTS: count,
      SEGMENT_WORDS: segments.padded.at(-1)!,
      S_STRIDE: segments.replicaStride,
      G_STRIDE: gradients.replicaStride / LANES,
    },
    bindings: [read(gradients, c), read(segments, c), write(d.outputs[0]!, c)],
    grid: [lanes === 1 ? Math.ceil(count / LINE_SIZE) : count, 1, c.replicas],
  };
};

export const healthKernels: Record<string, Lowering> = {
  activation_stats: activationStats,
  gradient_stats: gradientStats,
};
