/**
 * Ops that move or repeat numbers: concat, slice, transpose, rows folded and split, products and
 * sums over positions. Batch is axis 0 and stays whole.
 */
import type { Attributes, Tensor } from './graph.ts';
import type { OpDefinition } from './op-definition.ts';
import { mismatch, numberAttr, stringAttr } from './op-definition.ts';
import { numel, padLast, sameShape } from './shape.ts';

/** @throws {RangeError} If the tensor has no such axis, or it is the batch's. */
function axisOf(op: string, x: Tensor, attrs: Attributes): number {
  rowsWhole(op, x);
  const axis = numberAttr(attrs, 'axis');
  if (!Number.isInteger(axis) || axis < 1 || axis >= x.shape.length) {
    throw mismatch(op, `axis is ${axis}, must be 1 to ${x.shape.length - 1}`, x);
  }
  return axis;
}

/** What the kernels rely on. @throws {RangeError} If an axis before the last is padded. */
function rowsWhole(op: string, ...tensors: readonly Tensor[]): void {
  for (const t of tensors) {
    if (t.shape.some((d, i) => i < t.shape.length - 1 && t.padded[i] !== d)) {
      throw mismatch(op, 'only the last axis may be padded', t);
    }
  }
}

/** Shape with another length along one axis. */
function withAxis(x: Tensor, axis: number, length: number): number[] {
  return x.shape.map((d, i) => (i === axis ? length : d));
}

/** A tensor [B, ..., C] against one number a channel and sample, [B, C] or [B, 1, ..., 1, C]. */
export function isPerChannel(x: { shape: readonly number[] }, b: { shape: readonly number[] }) {
  return (
    x.shape.length > 2 &&
    b.shape.length >= 2 &&
    b.shape[0] === x.shape[0] &&
    b.shape.at(-1) === x.shape.at(-1) &&
    numel(b.shape.slice(1, -1)) === 1
  );
}

/** Attribute of reshape: the shape of a sample, `4x6x3`. */
export function sampleShape(shape: readonly number[]): string {
  return shape.join('x');
}

export const shapeOps: Record<string, OpDefinition> = {
  // inputs a, b; attrs axis: b follows a along the axis
  concat: {
    infer([a, b], attrs) {
      const axis = axisOf('concat', a!, attrs);
      rowsWhole('concat', b!);
      const length = a!.shape[axis]! + (b!.shape[axis] ?? 0);
      if (!sameShape(withAxis(a!, axis, length), withAxis(b!, axis, length))) {
        throw mismatch('concat', `shapes differ outside axis ${axis}`, a!, b!);
      }
      return [{ shape: withAxis(a!, axis, length) }];
    },
    gradient({ graph, attrs, inputs, gradOutputs, needs }) {
      const axis = numberAttr(attrs, 'axis');
      const [a, b] = inputs as [Tensor, Tensor];
      const part = (x: Tensor, start: number) =>
        graph.one(
          'slice',
          [gradOutputs[0]!],
          { axis, start, length: x.shape[axis]! },
          `d_${x.name}`,
        );
      return [needs[0] ? part(a, 0) : null, needs[1] ? part(b, a.shape[axis]!) : null];
    },
  },
  // attrs axis, start, length
  slice: {
    infer([x], attrs) {
      const axis = axisOf('slice', x!, attrs);
      const [start, length] = [numberAttr(attrs, 'start'), numberAttr(attrs, 'length')];
      if (!(start >= 0 && length >= 1 && start + length <= x!.shape[axis]!)) {
        throw mismatch('slice', `${start} to ${start + length} leaves axis ${axis}`, x!);
      }
      return [{ shape: withAxis(x!, axis, length) }];
    },
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one(
        'pad_axis',
        [gradOutputs[0]!],
        {
          axis: numberAttr(attrs, 'axis'),
          start: numberAttr(attrs, 'start'),
          length: inputs[0]!.shape[numberAttr(attrs, 'axis')]!,
        },
        `d_${inputs[0]!.name}`,
      ),
    ],
  },
  // attrs axis, start, length: x from `start` on within zeros of that length along the axis
  pad_axis: {
    infer([x], attrs) {
      const axis = axisOf('pad_axis', x!, attrs);
      const [start, length] = [numberAttr(attrs, 'start'), numberAttr(attrs, 'length')];
      if (!(start >= 0 && start + x!.shape[axis]! <= length)) {
        throw mismatch('pad_axis', `it does not fit into ${length} from ${start} on`, x!);
      }
      return [{ shape: withAxis(x!, axis, length) }];
    },
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one(
        'slice',
        [gradOutputs[0]!],
        {
          axis: numberAttr(attrs, 'axis'),
          start: numberAttr(attrs, 'start'),
          length: inputs[0]!.shape[numberAttr(attrs, 'axis')]!,
        },
        `d_${inputs[0]!.name}`,
      ),
    ],
  },
  // [B, ..., M, N] -> [B, ..., N, M]
  transpose: {
    infer([x]) {
      rowsWhole('transpose', x!);
      const [m, n] = x!.shape.slice(-2);
      if (x!.shape.length < 3) throw mismatch('transpose', 'needs [B, ..., M, N]', x!);
      return [{ shape: [...x!.shape.slice(0, -2), n!, m!] }];
    },
    gradient: ({ graph, inputs, gradOutputs }) => [
      graph.one('transpose', [gradOutputs[0]!], {}, `d_${inputs[0]!.name}`),
    ],
  },
  // attrs shape: of a sample, 4x6x3; the elements stay in order. No dispatch where the storage fits
  reshape: {
    infer([x], attrs) {
      rowsWhole('reshape', x!);
      const text = stringAttr(attrs, 'shape');
      const shape = [x!.shape[0]!, ...text.split('x').map(Number)];
      if (!(numel(shape) === numel(x!.shape)) || shape.some((d) => !Number.isInteger(d) || d < 1)) {
        throw mismatch('reshape', `a sample cannot become [${text.replaceAll('x', ', ')}]`, x!);
      }
      const padded = padLast(shape, 1);
      const whole = numel(padded) === numel(shape) && numel(x!.padded) === numel(shape);
      const fits = whole || shape.at(-1) === x!.shape.at(-1);
      return [{ shape, padded, ...(fits ? { aliasInput: 0 } : {}) }];
    },
    gradient: ({ graph, inputs, gradOutputs }) => {
      const [x] = inputs as [Tensor];
      const shape = sampleShape(x.shape.slice(1));
      return [graph.one('reshape', [gradOutputs[0]!], { shape }, `d_${x.name}`)];
    },
  },
  // y = x * b, element by element; b may be [B, C] or [B, 1, ..., 1, C] against [B, ..., C]
  mul: {
    infer([x, b]) {
      if (!sameShape(x!.shape, b!.shape) && !isPerChannel(x!, b!)) {
        throw mismatch('mul', 'shapes differ', x!, b!);
      }
      return [{ shape: x!.shape, padded: x!.padded }];
    },
    gradient({ graph, inputs, gradOutputs, needs }) {
      const [x, b] = inputs as [Tensor, Tensor];
      const dy = gradOutputs[0]!;
      const dx = needs[0] ? graph.one('mul', [dy, b], {}, `d_${x.name}`) : null;
      if (!needs[1]) return [dx, null];
      const product = graph.one('mul', [dy, x], {}, `d_${b.name}`);
      if (!isPerChannel(x, b)) return [dx, product];
      const sum = graph.one('sum_positions', [product], { factor: 1 }, `d_${b.name}`);
      if (b.shape.length === 2) return [dx, sum];
      return [dx, graph.one('reshape', [sum], { shape: sampleShape(b.shape.slice(1)) }, sum.name)];
    },
  },
  // [B, ..., C] -> [B, C]: factor times the sum over the positions
  sum_positions: {
    infer([x], attrs) {
      if (x!.shape.length < 3) throw mismatch('sum_positions', 'needs [B, ..., C]', x!);
      numberAttr(attrs, 'factor');
      return [{ shape: [x!.shape[0]!, x!.shape.at(-1)!] }];
    },
    gradient: ({ graph, attrs, inputs, gradOutputs }) => [
      graph.one('repeat_positions', [gradOutputs[0]!, inputs[0]!], attrs, `d_${inputs[0]!.name}`),
    ],
  },
  // inputs y [B, C] and, for its shape alone, x [B, ..., C]; factor times y at every position
  repeat_positions: {
    infer([y, x]) {
      if (!isPerChannel(x!, y!)) throw mismatch('repeat_positions', 'shapes differ', y!, x!);
      return [{ shape: x!.shape, padded: x!.padded }];
    },
  },
  // [B, ..., C] -> [rows, C]: every position a row, for layers that see rows
  fold_rows: {
    infer: ([x]) => [
      {
        shape: [numel(x!.shape.slice(0, -1)), x!.shape.at(-1)!],
        padded: [numel(x!.padded.slice(0, -1)), x!.padded.at(-1)!],
        aliasInput: 0,
      },
    ],
    gradient: ({ graph, inputs, gradOutputs }) => [
      graph.one('unfold_rows', [gradOutputs[0]!, inputs[0]!], {}, `d_${inputs[0]!.name}`),
    ],
  },
  // rows in the shape of x, which fold_rows read
  unfold_rows: {
    infer([rows, x]) {
      if (numel(rows!.padded) !== numel(x!.shape.slice(0, -1)) * rows!.padded.at(-1)!) {
        throw mismatch('unfold_rows', 'numbers of rows differ', rows!, x!);
      }
      const channels = rows!.shape.at(-1)!;
      return [
        {
          shape: [...x!.shape.slice(0, -1), channels],
          padded: [...x!.shape.slice(0, -1), rows!.padded.at(-1)!],
          aliasInput: 0,
        },
      ];
    },
    gradient: ({ graph, inputs, gradOutputs }) => [
      graph.one('fold_rows', [gradOutputs[0]!], {}, `d_${inputs[0]!.name}`),
      null,
    ],
  },
};
