/**
 * The algebra of folding on a Conv2d host: a blueprint of convolutions alone as one convolution of
 * x, s = K * x + b. In float64; whether there is one depends on the structure alone.
 */
import { inferShapes } from '../blueprints/ir.ts';
import type { Blueprint, HostShape } from '../contracts/blueprint.ts';
import { FoldRefusal, type ParameterValues } from './fold-dense.ts';
import {
  identityMatrix,
  inGroups,
  type Matrix,
  matrix,
  multiply,
  ofGroups,
  scaleColumns,
} from './matrix.ts';

type ConvHost = Extract<HostShape, { kind: 'conv2d' }>;

/**
 * One convolution of x: a [channels in, channels out] matrix for each tap, taps row by row. Where it
 * has groups, what joins one to another is 0.
 */
export interface ConvForm {
  kernelSize: number;
  stride: number;
  padding: number;
  /** Places between two taps; of no account where there is one. */
  dilation: number;
  taps: Matrix[];
  /** Null: there is none, and the value is 0 where all of x is. */
  bias: Float64Array | null;
}

/** Weights of the host itself as a form, for a seed that reads z. */
export function hostForm(
  host: ConvHost,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
): ConvForm {
  const { kernelSize, stride, padding, dilation = 1, groups = 1 } = host;
  const taps = tapsOf(weight, kernelSize, host.input[2], host.outChannels, groups);
  return { kernelSize, stride, padding, dilation, taps, bias: Float64Array.from(bias) };
}

/**
 * @param z The host's own form.
 * @throws {FoldRefusal} If the seed is no such form: it has an activation, or two windows in a row.
 * @throws {InputError} If the blueprint does not fit the host.
 */
export function convForm(
  blueprint: Blueprint,
  host: ConvHost,
  values: ParameterValues,
  z: ConvForm,
): ConvForm {
  const { convolutions, shapes } = inferShapes(blueprint, host);
  const point = { kernelSize: 1, stride: 1, padding: 0, dilation: 1, bias: null };
  const forms = new Map<string, ConvForm>([
    ['x', { ...point, taps: [identityMatrix(host.input[2])] }],
    ['z', z],
  ]);
  for (const node of blueprint.nodes) {
    const input = forms.get(node.inputs[0])!;
    switch (node.op) {
      case 'conv2d': {
        const inChannels = shapes.get(node.inputs[0])!.at(-1)!;
        const channels = shapes.get(node.id)!.at(-1)!;
        const { dilation = 1, groups = 1, padding, stride } = convolutions.get(node.id)!;
        const { kernelSize } = node;
        const size = (kernelSize ** 2 * inChannels * channels) / groups;
        const weight = values(`${node.id}.weight`, size);
        const taps = tapsOf(weight, kernelSize, inChannels, channels, groups);
        const own = node.bias ? values(`${node.id}.bias`, channels) : null;
        const bias = own && Float64Array.from(own);
        const second = { kernelSize, stride, padding, dilation, taps, bias };
        forms.set(node.id, compose(input, second));
        break;
      }
      case 'gain': {
        const factors = values(`${node.id}.weight`, input.taps[0]!.columns);
        forms.set(node.id, {
          ...input,
          taps: input.taps.map((tap) => scaleColumns(tap, factors)),
          bias: input.bias?.map((b, i) => b * factors[i]!) ?? null,
        });
        break;
      }
      case 'add':
        forms.set(node.id, addForms(input, forms.get(node.inputs[1])!));
        break;
      default:
        throw new FoldRefusal(`its node "${node.id}" (${node.op}) is not linear`);
    }
  }
  return forms.get(blueprint.output)!;
}

/** `second` after `first`. */
function compose(first: ConvForm, second: ConvForm): ConvForm {
  if (isPoint(second)) {
    const [mix] = second.taps as [Matrix];
    const bias = first.bias
      ? multiply(matrix(1, first.bias.length, first.bias), mix).values
      : new Float64Array(mix.columns);
    const own = second.bias;
    return {
      ...first,
      taps: first.taps.map((tap) => multiply(tap, mix)),
      bias: first.bias || own ? bias.map((b, i) => b + (own?.[i] ?? 0)) : null,
    };
  }
  if (!isPoint(first)) {
    // The zeros around what the first makes are not what it would make of zeros around x.
    throw new FoldRefusal(
      'it has two convolutions with windows in a row, each with its own border',
    );
  }
  if (first.bias) {
    throw new FoldRefusal('a bias before its window would not reach the zeros around the image');
  }
  const [mix] = first.taps as [Matrix];
  return { ...second, taps: second.taps.map((tap) => multiply(mix, tap)) };
}

function isPoint(form: ConvForm): boolean {
  return form.kernelSize === 1 && form.stride === 1 && form.padding === 0;
}

/**
 * The sum of two convolutions of the same input, with the larger window of the two.
 *
 * @throws {FoldRefusal} If their windows do not move together around the same centre, or their taps
 *   lie at other places.
 */
export function addForms(a: ConvForm, b: ConvForm): ConvForm {
  const [wide, narrow] = a.kernelSize >= b.kernelSize ? [a, b] : [b, a];
  const margin = (wide.kernelSize - narrow.kernelSize) / 2;
  if (
    wide.stride !== narrow.stride ||
    !Number.isInteger(margin) ||
    wide.padding - narrow.padding !== margin * wide.dilation
  ) {
    throw new FoldRefusal('its window does not move with its host around the same centre');
  }
  if (narrow.kernelSize > 1) checkDilation(narrow, wide.dilation);
  const taps = wide.taps.map((tap) => ({ ...tap, values: tap.values.slice() }));
  narrow.taps.forEach((tap, i) => {
    const row = Math.floor(i / narrow.kernelSize) + margin;
    const column = (i % narrow.kernelSize) + margin;
    const into = taps[row * wide.kernelSize + column]!.values;
    tap.values.forEach((v, k) => {
      into[k]! += v;
    });
  });
  const channels = taps[0]!.columns;
  const bias = new Float64Array(channels).map((_, i) => (a.bias?.[i] ?? 0) + (b.bias?.[i] ?? 0));
  return { ...wide, taps, bias };
}

/** @throws {FoldRefusal} If the form's taps lie at other distances. */
export function checkDilation(form: ConvForm, dilation: number): void {
  if (form.dilation === dilation) return;
  throw new FoldRefusal(
    `its taps are ${form.dilation} apart and those of its host ${dilation}: no kernel has both`,
  );
}

/**
 * Weights [k, k, in / groups, out] of a form, row-major.
 *
 * @throws {FoldRefusal} If it joins channels of different groups.
 */
export function weightsOf({ taps }: ConvForm, groups = 1): Float64Array {
  const size = taps[0]!.values.length / groups;
  const out = new Float64Array(taps.length * size);
  taps.forEach((tap, i) => {
    const blocks = ofGroups(tap, groups);
    if (!blocks) {
      throw new FoldRefusal(
        `it mixes channels that its host, a convolution in ${groups} groups, keeps apart`,
      );
    }
    out.set(blocks.values, i * size);
  });
  return out;
}

/** Splits [k, k, in / groups, out] into a [in, out] matrix for each tap. */
function tapsOf(
  weight: ArrayLike<number>,
  kernelSize: number,
  inChannels: number,
  channels: number,
  groups: number,
): Matrix[] {
  const all = Float64Array.from(weight);
  const rows = inChannels / groups;
  const size = rows * channels;
  return Array.from({ length: kernelSize * kernelSize }, (_, i) =>
    inGroups(matrix(rows, channels, all.subarray(i * size, (i + 1) * size)), groups),
  );
}
