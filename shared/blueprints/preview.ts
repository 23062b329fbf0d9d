/** What a blueprint becomes on a host, for people: shapes, parameters and work of every node. */
import type { Blueprint, BlueprintNode, HostShape } from '../contracts/blueprint.ts';
import { blueprintId } from './canonical-hash.ts';
import { positionsOf } from './host-positions.ts';
import { inferShapes } from './ir.ts';

export interface NodePreview {
  id: string;
  op: BlueprintNode['op'];
  inputs: readonly string[];
  /** Its keys, as `units out, bias`. */
  detail: string;
  /** Feature axes of its value. */
  shape: readonly number[];
  parameters: number;
  /** Multiply-adds of the forward pass for one row; an element without one counts as none. */
  multiplyAdds: number;
}

export interface BlueprintPreview {
  /** SHA-256 of what it computes. */
  id: string;
  nodes: NodePreview[];
  x: readonly number[];
  z: readonly number[];
  parameters: number;
  multiplyAdds: number;
}

/** @throws {InputError} If the blueprint is not valid or does not fit; the message says why. */
export async function previewBlueprint(
  blueprint: Blueprint,
  host: HostShape,
): Promise<BlueprintPreview> {
  const found = inferShapes(blueprint, host);
  const shapeOf = (id: string) => found.shapes.get(id)!;
  const nodes = blueprint.nodes.map((node): NodePreview => {
    const own = found.parameters.filter((p) => p.name.startsWith(`${node.id}.`));
    const shape = shapeOf(node.id);
    return {
      ...{ id: node.id, op: node.op, inputs: node.inputs, shape },
      detail: detailOf(node, host),
      parameters: own.reduce((sum, p) => sum + product(p.shape), 0),
      multiplyAdds: workOf(node, host, product(shapeOf(node.inputs[0])), shape, own),
    };
  });
  return {
    id: await blueprintId(blueprint),
    nodes,
    x: shapeOf('x'),
    z: shapeOf('z'),
    parameters: found.parameterCount,
    multiplyAdds: nodes.reduce((sum, node) => sum + node.multiplyAdds, 0),
  };
}

function workOf(
  node: BlueprintNode,
  host: HostShape,
  inputs: number,
  shape: readonly number[],
  parameters: readonly { name: string; shape: readonly number[] }[],
): number {
  switch (node.op) {
    case 'linear':
      return inputs * product(shape);
    case 'conv1d':
    case 'conv2d': {
      // Each output position meets every weight once.
      const weight = parameters.find((p) => p.name.endsWith('.weight'))!;
      return product(shape.slice(0, -1)) * product(weight.shape);
    }
    case 'gain':
    case 'multiply':
      return product(shape);
    case 'norm':
      return 4 * product(shape);
    case 'attention':
      // Scores and their mix, with every position of a sample.
      return 2 * positionsOf(host)!.length * product(shape);
    default:
      return 0;
  }
}

function detailOf(node: BlueprintNode, host: HostShape): string {
  switch (node.op) {
    case 'linear':
      return [`to ${node.units}`, ...biasAndInit(node)].join(', ');
    case 'conv2d': {
      const window = `${node.kernelSize}x${node.kernelSize}${node.depthwise ? ' depthwise' : ''}`;
      const stride = node.stride === 'host' ? ['moves with the host'] : [];
      const groups = node.groups ? ["in the host's groups"] : [];
      return [`${window} to ${node.channels}`, ...stride, ...groups, ...biasAndInit(node)].join(
        ', ',
      );
    }
    case 'conv1d': {
      const stride = node.stride === 1 ? [] : [`stride ${node.stride}`];
      const padding = node.padding === undefined ? [] : [`padding ${node.padding}`];
      const window = `${node.kernelSize} taps to ${node.channels}`;
      return [window, ...stride, ...padding, ...biasAndInit(node)].join(', ');
    }
    case 'activation':
      return node.activation;
    case 'attention': {
      const { causal, length } = positionsOf(host)!;
      return `${node.heads} heads over ${length} positions${causal ? ', causal' : ''}`;
    }
    case 'gain':
    case 'norm':
      return `starts at ${node.init}`;
    default:
      return '';
  }
}

function biasAndInit({ bias, init }: { bias: boolean; init: string }): string[] {
  return [...(bias ? [] : ['no bias']), ...(init === 'kaiming' ? [] : [`starts at ${init}`])];
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
