/**
 * Shapes of the blueprint IR: what a blueprint becomes on one host, the shape of every node, the
 * geometry of every convolution and the list of parameters. Code generation is Tezzeret's.
 *
 * Shapes are logical feature axes without the batch: `[features]`, `[length, channels]`, or
 * `[height, width, channels]`.
 */
import { InputError } from '../base/errors.ts';
import type {
  ArtifactManifest,
  Blueprint,
  Dimension,
  HostShape,
  Initializer,
} from '../contracts/blueprint.ts';
import { validateBlueprint } from './blueprint-rules.ts';
import { positionsOf } from './host-positions.ts';
import {
  type ConvGeometry,
  convGeometry,
  extent,
  groupsOf,
  type Shape,
  show,
} from './seed-window.ts';

export type BlueprintParameter = ArtifactManifest['parameters'][number];

/** What a blueprint becomes on one host. */
export interface BlueprintShapes {
  /** Shape of `x`, of `z` and of every node, by id. */
  shapes: ReadonlyMap<string, Shape>;
  /** How every conv2d and conv1d node moves, by id. */
  convolutions: ReadonlyMap<string, ConvGeometry>;
  /** In node order; `<node>.weight`, then `<node>.bias` where there is one. */
  parameters: readonly BlueprintParameter[];
  /** Trainable values, without padding. */
  parameterCount: number;
}

/** Answer of {@link probe}. */
export type ProbeResult =
  | { compatible: true; parameters: number; reason: null }
  | { compatible: false; parameters: null; reason: string };

/** Most trainable values of one seed: 128 MiB of f32, WebGPU's default storage binding. */
export const MAX_BLUEPRINT_PARAMETERS = 2 ** 25;

/** Shape of the host layer's output, batch left out. */
export function hostOutputShape(host: HostShape): Shape {
  if (host.kind === 'linear') return [host.outFeatures];
  const { kernelSize, outChannels } = host;
  return [
    extent(host.input[0], kernelSize, host),
    extent(host.input[1], kernelSize, host),
    outChannels,
  ];
}

/**
 * Shapes, geometry and parameters of `blueprint` on `host`. Weights are `[...input axes, units]`
 * for linear, `[k, k, in / groups, out]` for conv2d and `[1, k, in, out]` for conv1d, biases
 * `[units]`; biases start at zero.
 *
 * @throws {InputError} If the blueprint is not valid, or its shapes do not meet the host's:
 *   `Cannot fit blueprint "low-rank-4" to a conv2d host: it is made for linear hosts`
 */
export function inferShapes(blueprint: Blueprint, host: HostShape): BlueprintShapes {
  validateBlueprint(blueprint);
  const fail = (reason: string): never => {
    throw new InputError(
      `Cannot fit blueprint "${blueprint.name}" to a ${host.kind} host: ${reason}`,
    );
  };
  if (blueprint.host !== 'any' && blueprint.host !== host.kind) {
    fail(`it is made for ${blueprint.host} hosts`);
  }
  const output = hostOutputShape(host);
  if (output.some((size) => size < 1)) fail(`the host's own output would be ${show(output)}`);

  const shapes = new Map<string, Shape>([
    ['x', host.input],
    ['z', output],
  ]);
  const convolutions = new Map<string, ConvGeometry>();
  const parameters: BlueprintParameter[] = [];
  for (const node of blueprint.nodes) {
    const input = shapes.get(node.inputs[0]) as Shape;
    switch (node.op) {
      case 'linear': {
        const units = resolve(node.units, host);
        const fanIn = product(input);
        addParameters(parameters, node, [...input, units], fanIn, units);
        shapes.set(node.id, [units]);
        break;
      }
      case 'conv2d': {
        const [height, width, inChannels] = input;
        if (input.length !== 3 || !height || !width || !inChannels) {
          fail(
            `conv2d node "${node.id}" reads ${show(input)}, must read [height, width, channels]`,
          );
          break;
        }
        const geometry = convGeometry(node, input, host);
        if (typeof geometry === 'string') {
          fail(geometry);
          break;
        }
        const channels = resolve(node.channels, host);
        if (node.depthwise && node.groups) {
          fail(`depthwise node "${node.id}" has a group for each channel, and no "groups" besides`);
        }
        if (node.depthwise && channels !== inChannels) {
          fail(
            `depthwise node "${node.id}" has ${channels} channels, must have the ${inChannels} it reads`,
          );
        }
        const groups = node.depthwise ? channels : groupsOf(node, host);
        if (inChannels % groups !== 0 || channels % groups !== 0) {
          fail(
            `node "${node.id}" joins ${inChannels} channels to ${channels} in the host's ${groups} groups, which must divide both`,
          );
        }
        const { kernelSize } = node;
        const taps = kernelSize * kernelSize;
        const fanIn = inChannels / groups;
        const along = (size: number) => extent(size, kernelSize, geometry);
        const shape = [along(height), along(width), channels];
        if (shape.some((size) => size < 1)) fail(`node "${node.id}" would give ${show(shape)}`);
        addParameters(
          parameters,
          node,
          [kernelSize, kernelSize, fanIn, channels],
          taps * fanIn,
          taps * (channels / groups),
        );
        convolutions.set(node.id, groups === 1 ? geometry : { ...geometry, groups });
        shapes.set(node.id, shape);
        break;
      }
      case 'conv1d': {
        if (positionsOf(host)) {
          fail(`conv1d node "${node.id}" needs rows that are whole samples, not positions`);
        }
        const [length, inChannels = 1] = input;
        if (input.length > 2 || !length) {
          fail(
            `conv1d node "${node.id}" reads ${show(input)}, must read [length, channels] or [features]`,
          );
          break;
        }
        const { kernelSize, padding = Math.floor(kernelSize / 2), stride } = node;
        if (padding >= kernelSize) {
          fail(
            `conv1d node "${node.id}" has padding ${padding}, must be below its ${kernelSize} taps`,
          );
        }
        const channels = resolve(node.channels, host);
        const shape = [Math.floor((length + 2 * padding - kernelSize) / stride) + 1, channels];
        if (shape[0]! < 1) fail(`node "${node.id}" would give ${show(shape)}`);
        const fans = [kernelSize * inChannels, kernelSize * channels] as const;
        addParameters(parameters, node, [1, kernelSize, inChannels, channels], ...fans);
        convolutions.set(node.id, { stride, padding });
        shapes.set(node.id, shape);
        break;
      }
      case 'activation':
        shapes.set(node.id, input);
        break;
      case 'gain': {
        const channels = input[input.length - 1]!;
        addParameters(parameters, { ...node, bias: false }, [1, 1, 1, channels], 1, 1);
        shapes.set(node.id, input);
        break;
      }
      case 'norm': {
        const channels = input[input.length - 1]!;
        if (channels < 2) {
          fail(`norm node "${node.id}" reads ${show(input)}, must read at least two channels`);
        }
        addParameters(parameters, { ...node, bias: true }, [channels], channels, channels);
        shapes.set(node.id, input);
        break;
      }
      case 'pool': {
        if (input.length !== 3) {
          fail(`pool node "${node.id}" reads ${show(input)}, must read [height, width, channels]`);
        }
        shapes.set(node.id, [input[2]!]);
        break;
      }
      case 'multiply': {
        const other = shapes.get(node.inputs[1]) as Shape;
        const isGate = other.length === 1 && other[0] === input[input.length - 1];
        if (!same(input, other) && !isGate) {
          fail(
            `node "${node.id}" multiplies "${node.inputs[0]}" of ${show(input)} by ` +
              `"${node.inputs[1]}" of ${show(other)}, which must be equal or one number a channel`,
          );
        }
        shapes.set(node.id, input);
        break;
      }
      case 'attention': {
        const positions = positionsOf(host);
        if (!positions) {
          fail(
            `attention node "${node.id}" needs a host with positions, as the layers of a gpt are`,
          );
        } else if (positions.length < 2) {
          fail(`attention node "${node.id}" needs at least two positions, the host has one`);
        }
        for (const id of node.inputs) {
          const shape = shapes.get(id)!;
          if (shape.length === 1 && same(shape, input) && shape[0]! % (4 * node.heads) === 0) {
            continue;
          }
          fail(
            `attention node "${node.id}" reads "${id}" of ${show(shape)}; queries, keys and values ` +
              `must be of one size, a multiple of ${4 * node.heads}`,
          );
        }
        shapes.set(node.id, input);
        break;
      }
      case 'add': {
        const other = shapes.get(node.inputs[1]) as Shape;
        if (!same(input, other)) {
          fail(
            `node "${node.id}" adds "${node.inputs[0]}" of ${show(input)} and ` +
              `"${node.inputs[1]}" of ${show(other)}, which must be equal`,
          );
        }
        shapes.set(node.id, input);
        break;
      }
    }
  }
  const result = shapes.get(blueprint.output) as Shape;
  if (!same(result, output)) {
    fail(`its output "${blueprint.output}" is ${show(result)}, the host's is ${show(output)}`);
  }
  const parameterCount = parameters.reduce((sum, p) => sum + product(p.shape), 0);
  if (parameterCount > MAX_BLUEPRINT_PARAMETERS) {
    fail(`it would have ${parameterCount} parameters, at most ${MAX_BLUEPRINT_PARAMETERS} fit`);
  }
  return { shapes, convolutions, parameters, parameterCount };
}

/** Whether `blueprint` fits `host`, without throwing. */
export function probe(blueprint: Blueprint, host: HostShape): ProbeResult {
  try {
    const { parameterCount } = inferShapes(blueprint, host);
    return { compatible: true, parameters: parameterCount, reason: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { compatible: false, parameters: null, reason: error.message };
  }
}

function addParameters(
  parameters: BlueprintParameter[],
  node: { id: string; bias: boolean; init: Initializer },
  shape: number[],
  fanIn: number,
  fanOut: number,
): void {
  parameters.push({ name: `${node.id}.weight`, shape, init: node.init, fanIn, fanOut });
  if (!node.bias) return;
  const units = shape[shape.length - 1] as number;
  parameters.push({ name: `${node.id}.bias`, shape: [units], init: 'zeros', fanIn, fanOut });
}

function resolve(dimension: Dimension, host: HostShape): number {
  if (typeof dimension === 'number') return dimension;
  if (host.kind === 'conv2d') return dimension === 'in' ? host.input[2] : host.outChannels;
  return dimension === 'in' ? product(host.input) : host.outFeatures;
}

function product(shape: Shape): number {
  return shape.reduce((a, b) => a * b, 1);
}

function same(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
