/**
 * The algebra of folding on a Linear host: a blueprint as s = x A + z Z + h H + b, where
 * h = f(x U + c) are hidden units. In float64; whether a form exists depends on the structure alone.
 */
import { inferShapes } from '../blueprints/ir.ts';
import type { Blueprint, BlueprintNode, HostShape } from '../contracts/blueprint.ts';
import { identityMatrix, type Matrix, matrix, multiply, scaleColumns, sum } from './matrix.ts';

/** Thrown where a seed has no folded form; the message is the reason, in plain words. */
export class FoldRefusal extends Error {
  override name = 'FoldRefusal';
}

/** Values of a blueprint's parameter: its name `<node>.weight` or `<node>.bias`, and how many. */
export type ParameterValues = (name: string, size: number) => ArrayLike<number>;

/** Coefficients of a value; null: it does not depend on that. */
export interface DenseForm {
  x: Matrix | null;
  z: Matrix | null;
  h: Matrix | null;
  bias: Float64Array;
  hidden: HiddenUnits | null;
  /** The node that makes h. */
  activationId: string | null;
}

/** h = f(x weight + bias). */
export interface HiddenUnits {
  weight: Matrix;
  bias: Float64Array;
  activation: string;
  /** The linear node that is the hidden layer itself, where nothing was composed. */
  node: BlueprintNode | null;
}

/**
 * @throws {FoldRefusal} If the seed is no such form: it has two activations in a row, say.
 * @throws {InputError} If the blueprint does not fit the host.
 */
export function denseForm(
  blueprint: Blueprint,
  host: HostShape,
  values: ParameterValues,
): DenseForm {
  const { shapes } = inferShapes(blueprint, host);
  const width = (id: string) => shapes.get(id)!.reduce((a, b) => a * b, 1);
  let hidden: HiddenUnits | null = null;
  let activationId: string | null = null;
  const forms = new Map<string, DenseForm>();
  const empty = (units: number): DenseForm => ({
    ...{ x: null, z: null, h: null, hidden: null, activationId: null },
    bias: new Float64Array(units),
  });
  forms.set('x', { ...empty(width('x')), x: identityMatrix(width('x')) });
  forms.set('z', { ...empty(width('z')), z: identityMatrix(width('z')) });
  const plain = new Map<string, BlueprintNode>();
  for (const node of blueprint.nodes) {
    const input = forms.get(node.inputs[0])!;
    switch (node.op) {
      case 'linear': {
        const units = width(node.id);
        const rows = width(node.inputs[0]);
        const weight = matrix(rows, units, values(`${node.id}.weight`, rows * units));
        const through = (m: Matrix | null) => m && multiply(m, weight);
        const bias = multiply(matrix(1, input.bias.length, input.bias), weight).values;
        if (node.bias) {
          const own = values(`${node.id}.bias`, units);
          bias.forEach((b, i) => {
            bias[i] = b + own[i]!;
          });
        }
        if (node.inputs[0] === 'x') plain.set(node.id, node);
        const parts = { x: through(input.x), z: through(input.z), h: through(input.h) };
        forms.set(node.id, { ...empty(units), ...parts, bias });
        break;
      }
      case 'add': {
        const other = forms.get(node.inputs[1])!;
        forms.set(node.id, {
          ...empty(0),
          x: sum(input.x, other.x),
          z: sum(input.z, other.z),
          h: sum(input.h, other.h),
          bias: input.bias.map((b, i) => b + other.bias[i]!),
        });
        break;
      }
      case 'gain': {
        const factors = values(`${node.id}.weight`, input.bias.length);
        const through = (m: Matrix | null) => m && scaleColumns(m, factors);
        forms.set(node.id, {
          ...empty(0),
          ...{ x: through(input.x), z: through(input.z), h: through(input.h) },
          bias: input.bias.map((b, i) => b * factors[i]!),
        });
        break;
      }
      case 'activation': {
        if (hidden) throw new FoldRefusal('it has more than one nonlinear layer');
        if (!input.x || input.z) {
          throw new FoldRefusal(`its ${node.activation} acts on more than what the seed reads`);
        }
        activationId = node.id;
        hidden = {
          weight: input.x,
          bias: input.bias,
          activation: node.activation,
          node: plain.get(node.inputs[0]) ?? null,
        };
        forms.set(node.id, { ...empty(width(node.id)), h: identityMatrix(width(node.id)) });
        break;
      }
      case 'conv1d':
        throw new FoldRefusal(
          `its node "${node.id}" (conv1d) shares its weights along the signal, which a matrix cannot`,
        );
      default:
        throw new FoldRefusal(`its node "${node.id}" (${node.op}) is not linear`);
    }
  }
  return { ...forms.get(blueprint.output)!, hidden, activationId };
}
