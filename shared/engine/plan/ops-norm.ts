/**
 * Normalisation: y = (x - mean) * deviation^-1 * gamma + beta over the channels (last axis) of
 * [B, ..., C]. The statistics are nodes of their own; `normalize` differentiates through them.
 *
 *   group_stats -> normalize (statistics group)            layer and group norm
 *   channel_stats -> batch_stats -> normalize (batch)      batch norm while training
 *   running_stats -> normalize (fixed)                     batch norm in evaluation
 *
 * Rows are the positions [B, ...]; a segment is the rows that share statistics: one row for layer
 * norm, the rows of a sample for group norm.
 */
import type { Attributes, Tensor } from './graph.ts';
import type { GradientContext, OpDefinition } from './op-definition.ts';
import { mismatch, numberAttr, stringAttr } from './op-definition.ts';
import { MAX_LOOP_ITERATIONS } from './ops-conv.ts';
import { numel } from './shape.ts';

/** Where the statistics come from: groups of channels, the batch, or numbers fixed before. */
export const NORM_STATISTICS: readonly string[] = ['group', 'batch', 'fixed'];

/** Rows of one partial sum, and how many partial sums there are unless rows are very many. */
const ROWS_PER_PARTIAL = 64;
const MAX_PARTIALS = 64;

/**
 * How many partial sums a sum over `rows` uses: part of the plan, since it fixes the order of
 * summation. One invocation walks over its rows twice.
 */
export function rowPartials(rows: number): number {
  const usual = Math.min(MAX_PARTIALS, Math.ceil(rows / ROWS_PER_PARTIAL));
  return Math.max(usual, Math.ceil((2 * rows) / MAX_LOOP_ITERATIONS));
}

/** Positions of x: the product of all axes but the last. */
export function rowsOf(x: { shape: readonly number[] }): number {
  return numel(x.shape.slice(0, -1));
}

/** @throws {RangeError} If channels or rows cannot be divided as attrs say. */
function checkGroups(op: string, x: Tensor, attrs: Attributes): number {
  const [segments, groups] = [numberAttr(attrs, 'segments'), numberAttr(attrs, 'groups')];
  if (!(groups >= 1) || x.shape.at(-1)! % groups !== 0) {
    throw mismatch(op, `channels cannot be divided into ${groups} groups`, x);
  }
  if (!(segments >= 1) || rowsOf(x) % segments !== 0) {
    throw mismatch(op, `rows cannot be divided into ${segments} segments`, x);
  }
  return segments * groups;
}

function checkAffine(op: string, x: Tensor, ...parameters: readonly Tensor[]): void {
  for (const p of parameters) {
    if (p.shape.length !== 1 || p.shape[0] !== x.shape.at(-1)) {
      throw mismatch(op, 'needs one number a channel', x, p);
    }
  }
}

const perGroup =
  (op: string): OpDefinition['infer'] =>
  (inputs, attrs) => {
    const shape = [checkGroups(op, inputs.at(op === 'group_stats' ? 0 : 1)!, attrs), 4];
    return [{ shape, padded: shape }];
  };

/** [partials, 2, C] with the channels as stored. */
function partialSpec(x: Tensor, attrs: Attributes) {
  const shape = [numberAttr(attrs, 'partials'), 2, x.padded.at(-1)!];
  return [{ shape, padded: shape }];
}

/** [2, C]: mean and 1 / deviation of each channel. */
function channelSpec(channels: number, stored: number) {
  return [{ shape: [2, channels], padded: [2, stored] }];
}

function normalizeGradient({ graph, attrs, inputs, gradOutputs, needs }: GradientContext) {
  const [x, stats, gamma] = inputs as [Tensor, Tensor, Tensor];
  const dy = gradOutputs[0]!;
  const statistics = stringAttr(attrs, 'statistics');
  let affine: [Tensor | null, Tensor | null] = [null, null];
  if (needs[2] || needs[3] || statistics === 'batch') {
    const partials = rowPartials(rowsOf(x));
    const partial = graph.one(
      'normalize_grad_affine',
      [dy, x, stats],
      { ...attrs, partials },
      `partial_${gamma.name}`,
    );
    const channels = { channels: x.shape.at(-1)! };
    affine = graph.apply('reduce_affine', [partial], channels, `d_${gamma.name}`) as [
      Tensor,
      Tensor,
    ];
  }
  if (!needs[0]) return [null, null, ...affine];
  const more: Tensor[] = [];
  if (statistics === 'group') {
    const sums = graph.one('group_grad_stats', [dy, x, stats, gamma], attrs, `sums_${x.name}`);
    more.push(x, sums);
  }
  if (statistics === 'batch') more.push(x, affine[0]!, affine[1]!);
  const dx = graph.one('normalize_grad_input', [dy, stats, gamma, ...more], attrs, `d_${x.name}`);
  return [dx, null, ...affine];
}

export const normOps: Record<string, OpDefinition> = {
  // attrs segments, groups, epsilon; [segments * groups, 4] = (mean, 1 / deviation, 0, 0)
  group_stats: { infer: perGroup('group_stats') },
  // attrs partials; [partials, 2, C]: each part's mean, and sum of squares around it
  channel_stats: { infer: ([x], attrs) => partialSpec(x!, attrs) },
  // inputs partial, running mean [C], running variance [C], both updated; attrs rows, momentum,
  // epsilon; [2, C]
  batch_stats: {
    infer([partial, mean, variance], attrs) {
      const channels = mean!.shape[0]!;
      if (mean!.padded[0] !== partial!.shape[2] || variance!.shape[0] !== channels) {
        throw mismatch('batch_stats', 'needs one number a channel', partial!, mean!, variance!);
      }
      if (!(numberAttr(attrs, 'rows') > 1)) {
        throw mismatch(
          'batch_stats',
          'one row has no variance; use a larger batch',
          partial!,
          mean!,
        );
      }
      return channelSpec(channels, mean!.padded[0]!);
    },
  },
  // inputs running mean [C], running variance [C]; attrs epsilon; [2, C]
  running_stats: {
    infer([mean, variance]) {
      if (mean!.shape[0] !== variance!.shape[0]) {
        throw mismatch('running_stats', 'lengths differ', mean!, variance!);
      }
      return channelSpec(mean!.shape[0]!, mean!.padded[0]!);
    },
  },
  // inputs x, statistics, gamma [C], beta [C]; attrs statistics group | batch | fixed, segments,
  // groups (both 1 unless group)
  normalize: {
    infer([x, stats, gamma, beta], attrs) {
      checkAffine('normalize', x!, gamma!, beta!);
      const items = checkGroups('normalize', x!, attrs);
      const statistics = stringAttr(attrs, 'statistics');
      if (!NORM_STATISTICS.includes(statistics)) {
        throw new RangeError(`Cannot find norm statistics "${statistics}"`);
      }
      const [rows, columns] = statistics === 'group' ? [items, 4] : [2, x!.shape.at(-1)!];
      if (stats!.shape[0] !== rows || stats!.shape[1] !== columns) {
        throw mismatch('normalize', 'statistics are of other groups', x!, stats!);
      }
      return [{ shape: x!.shape, padded: x!.padded }];
    },
    gradient: normalizeGradient,
  },
  // inputs dy, x, statistics; attrs of normalize and partials; [partials, 2, C]: sums of
  // dy * (x - mean) / deviation and of dy
  normalize_grad_affine: { infer: ([, x], attrs) => partialSpec(x!, attrs) },
  // adds the partial sums up in order: dgamma and dbeta; attrs channels
  reduce_affine: {
    infer([partial], attrs) {
      const spec = { shape: [numberAttr(attrs, 'channels')], padded: [partial!.shape[2]!] };
      return [spec, spec];
    },
  },
  // inputs dy, x, statistics, gamma; per group the means of gamma dy, and of gamma dy times the
  // normalised x
  group_grad_stats: { infer: perGroup('group_grad_stats') },
  // inputs dy, statistics, gamma and: x, group_grad_stats (group) or x, dgamma, dbeta (batch)
  normalize_grad_input: { infer: ([dy]) => [{ shape: dy!.shape, padded: dy!.padded }] },
};
