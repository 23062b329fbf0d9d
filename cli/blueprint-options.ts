/** Options of `esper blueprint`, and how a host is written on the command line. */
import { InputError } from '#shared/base/errors.ts';
import { positionsOf } from '#shared/blueprints/host-positions.ts';
import {
  type HostShape,
  HostShape as HostShapeSchema,
  type Pipeline,
  Pipeline as Pipelines,
} from '#shared/contracts/blueprint.ts';

export interface BlueprintOptions {
  /** A file or a name of the library; null: list the library. */
  target: string | null;
  /** Null: one host of each kind. */
  host: HostShape | null;
  /** Null: it is shown only. */
  compile: Pipeline | null;
}

/** Hosts that are shown when none is asked for. */
export const EXAMPLE_HOSTS: readonly HostShape[] = [
  { kind: 'linear', input: [16], outFeatures: 8 },
  { kind: 'conv2d', input: [12, 12, 4], outChannels: 8, kernelSize: 3, stride: 1, padding: 1 },
  { kind: 'linear', input: [16], outFeatures: 8, positions: { length: 12, causal: true } },
];

/**
 * Reads `linear:16,8` or `conv2d:12x12x4,8` with, where they differ from 3,1 and half of the kernel,
 * kernel size, stride and padding: `conv2d:12x12x4,8,5,2,2`; then `dilation=2` and `groups=4`, where
 * there are any. `sequence:12x16,8` is a Linear layer at
 * each of 12 positions, `sequence:12x16,8,causal` one whose positions see no later one.
 *
 * @throws {InputError} If it is none of them.
 */
export function parseHost(text: string): HostShape {
  const axes = (part: string) => part.split('x').map(Number);
  const linear = /^linear:(\d{1,6}(?:x\d{1,6})*),(\d{1,6})$/.exec(text);
  const conv =
    /^conv2d:(\d{1,6}x\d{1,6}x\d{1,6}),(\d{1,6})(?:,(\d))?(?:,(\d))?(?:,(\d{1,2}))?(?:,dilation=(\d{1,2}))?(?:,groups=(\d{1,4}))?$/.exec(
      text,
    );
  const sequence = /^sequence:(\d{1,6})x(\d{1,6}),(\d{1,6})(,causal)?$/.exec(text);
  let host: HostShape | null = null;
  if (linear) host = { kind: 'linear', input: axes(linear[1]!), outFeatures: Number(linear[2]) };
  if (sequence) {
    const positions = { length: Number(sequence[1]), causal: sequence[4] !== undefined };
    const [input, outFeatures] = [[Number(sequence[2])], Number(sequence[3])];
    host = { kind: 'linear', input, outFeatures, positions };
  }
  if (conv) {
    const [height, width, channels] = axes(conv[1]!) as [number, number, number];
    const kernelSize = Number(conv[3] ?? 3);
    host = {
      ...{ kind: 'conv2d', input: [height, width, channels], outChannels: Number(conv[2]) },
      ...{ kernelSize, stride: Number(conv[4] ?? 1) },
      padding: Number(conv[5] ?? Math.floor(kernelSize / 2)),
      ...moreThanOne('dilation', conv[6]),
      ...moreThanOne('groups', conv[7]),
    };
  }
  const parsed = host && HostShapeSchema.safeParse(host);
  if (parsed?.success) return parsed.data;
  throw new InputError(
    `Option "--host" is "${text}": write linear:IN,OUT, sequence:LENGTHxIN,OUT[,causal] or conv2d:HEIGHTxWIDTHxIN,OUT[,KERNEL,STRIDE,PADDING][,dilation=D][,groups=G]`,
  );
}

/** A key that is left out where it is 1, as a host has it. */
function moreThanOne(key: 'dilation' | 'groups', text: string | undefined) {
  return text === undefined || text === '1' ? {} : { [key]: Number(text) };
}

/** @throws {InputError} If there is no pipeline of that name. */
export function parsePipeline(text: string): Pipeline {
  const parsed = Pipelines.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InputError(
    `Option "--compile" is "${text}": it must be one of ${Pipelines.options.join(', ')}`,
  );
}

export function describeHost(host: HostShape): string {
  const positions = positionsOf(host);
  if (positions) {
    const { causal, length } = positions;
    const { outFeatures } = host as Extract<HostShape, { kind: 'linear' }>;
    return `${causal ? 'causal ' : ''}sequence ${length}x${host.input.join('x')} -> ${outFeatures}`;
  }
  if (host.kind === 'linear') return `linear ${host.input.join('x')} -> ${host.outFeatures}`;
  const { dilation, groups, input, kernelSize, outChannels, padding, stride } = host;
  const more = [
    ...(dilation ? [`dilation ${dilation}`] : []),
    ...(groups ? [`${groups} groups`] : []),
  ];
  const window = [`${kernelSize}x${kernelSize}`, `stride ${stride}`, `padding ${padding}`, ...more];
  return `conv2d ${input.join('x')} -> ${outChannels} (${window.join(', ')})`;
}
