/** Lowering of sums that the plan has cut into parts, see engine/plan/split-sums.ts. */
import type { PlannedTensor } from '../plan/plan.ts';
import { LANES } from '../plan/shape.ts';
import type { SumParts } from '../plan/split-sums.ts';
import type { Lowering } from './kernel-call.ts';
import {
  ACTIVATION_CODE,
  BLEND_CODE,
  controlConstants,
  lineGrid,
  read,
  write,
} from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

/** Names and constants of shaders/lib/sum_part.wgsl. */
export function partDefines({ parts, chunk }: SumParts) {
  return {
    defines: { SPLIT: parts > 1 ? 1 : 0 },
    constants: parts > 1 ? { PARTS: parts, CHUNK: chunk } : {},
  };
}

const sumParts: Lowering = (d, c) => {
  const [partial, ...rest] = d.inputs as [PlannedTensor, ...PlannedTensor[]];
  const y = d.outputs[0]!;
  const { attrs } = d;
  const parts = partial.padded[0]!;
  checkLoop('sum_parts', parts, 'use fewer features');
  const bias = attrs['bias'] ? rest.shift() : undefined;
  const blend = BLEND_CODE[String(attrs['blend'] ?? 'none')]!;
  const size4 = y.elements / LANES;
  return {
    shader: 'sum_parts',
    defines: {
      BIAS: bias ? 1 : 0,
      BLEND: blend,
      ACT: ACTIVATION_CODE[String(attrs['activation'] ?? 'none')]!,
      SLOPE: ACTIVATION_CODE[String(attrs['mask'] ?? 'none')]!,
    },
    constants: {
      SIZE4: size4,
      N4: y.padded.at(-1)! / LANES,
      N: y.shape.at(-1)!,
      PARTS: parts,
      W_STRIDE: (bias?.replicaStride ?? 0) / LANES,
      ...(blend ? { ...controlConstants(c), ALPHA: Number(attrs['alpha']) } : {}),
    },
    // What follows the bias: host and control of a blend, or what the slope is taken of.
    bindings: [
      ...[read(partial, c), write(y, c)],
      ...(bias ? [read(bias, c)] : []),
      ...rest.map((t) => read(t, c)),
    ],
    grid: [...lineGrid(size4, LINE_SIZE), c.replicas],
  };
};

export const sumKernels: Record<string, Lowering> = { sum_parts: sumParts };
