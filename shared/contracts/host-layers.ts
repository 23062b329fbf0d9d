/**
 * A host written out as a list of layers, residual blocks among them. shared/models/custom.ts infers
 * the shapes and says which layer does not fit; docs/models.md explains each kind.
 */
import { z } from 'zod';
import { Activation } from './activation.ts';

const count = z.number().int().min(1);
const channels = count.max(4096);
const name = z
  .string()
  .max(64)
  .regex(
    /^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/,
    'letters, digits and underscores; parts apart by a dot, as PyTorch names them',
  )
  .optional()
  .describe('Prefix of its parameters; absent: its kind and a number, such as conv1');
const seeds = z
  .boolean()
  .optional()
  .describe('Whether seeds may grow on it; absent: on linear and conv2d they may');
const bias = z.boolean().optional().describe('Absent: it has one');

/** How a convolution's kernel moves. */
const window = {
  channels,
  kernelSize: count.max(31),
  stride: count.max(16).default(1),
  padding: z.number().int().min(0).max(31).default(0).describe('Zeros on every side'),
  dilation: count.max(16).default(1).describe('Places between two neighbouring taps'),
  groups: count
    .max(4096)
    .default(1)
    .describe('Runs of channels that are each joined to their own; as many as channels: depthwise'),
  bias,
};

const units = z.union([channels, z.literal('classes')]).describe('Width, or "classes"');

const PLAIN_LAYERS = [
  z.strictObject({ kind: z.literal('linear'), name, units, bias, seeds }),
  z.strictObject({ kind: z.literal('conv2d'), name, ...window, seeds }),
  z.strictObject({ kind: z.literal('conv1d'), name, ...window }),
  z.strictObject({ kind: z.literal('batch-norm'), name, seeds }),
  z.strictObject({ kind: z.literal('layer-norm'), name, seeds }),
  z.strictObject({ kind: z.literal('group-norm'), name, groups: count.max(1024) }),
  z.strictObject({ kind: z.literal('activation'), activation: Activation.default('relu') }),
  z.strictObject({
    kind: z.literal('pool'),
    mode: z.enum(['max', 'avg']).default('max'),
    size: count.max(31).default(2),
    stride: count.max(31).optional().describe('Absent: as the size'),
  }),
  /** Mean over an image, or over the positions of a sequence. */
  z.strictObject({ kind: z.literal('global-pool') }),
  z.strictObject({ kind: z.literal('dropout'), rate: z.number().min(0).lt(1) }),
  z.strictObject({ kind: z.literal('flatten') }),
  z.strictObject({
    kind: z.literal('reshape'),
    shape: z.array(count.max(65536)).min(1).max(3).describe('Of one row, channels last'),
  }),
  z.strictObject({
    kind: z.literal('embedding'),
    name,
    channels,
    vocabulary: z
      .number()
      .int()
      .min(2)
      .max(65536)
      .optional()
      .describe('Number of tokens; absent: as many as classes'),
  }),
  z.strictObject({ kind: z.literal('positions'), name }),
  z.strictObject({
    kind: z.literal('attention'),
    name,
    heads: count.max(64).default(1),
    causal: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('last-position') }),
] as const;

type PlainInput = z.input<(typeof PLAIN_LAYERS)[number]>;
type PlainLayer = z.output<(typeof PLAIN_LAYERS)[number]>;

export interface ResidualInput {
  kind: 'residual';
  name?: string | undefined;
  body: HostLayerInput[];
  shortcut?: HostLayerInput[] | undefined;
}
export type HostLayerInput = PlainInput | ResidualInput;

export interface ResidualSpec {
  kind: 'residual';
  name?: string | undefined;
  body: HostLayerSpec[];
  shortcut?: HostLayerSpec[] | undefined;
}
/** One layer of a host, or a block that adds its input to the output of its body. */
export type HostLayerSpec = PlainLayer | ResidualSpec;

/** Its type is named, for generators of API descriptions that do not follow a list into itself. */
const list: z.ZodType<HostLayerSpec[], HostLayerInput[]> = z
  .lazy(() => z.array(HostLayerSpec).min(1).max(64))
  .meta({ type: 'array' });

export const HostLayerSpec: z.ZodType<HostLayerSpec, HostLayerInput> = z.discriminatedUnion(
  'kind',
  [
    ...PLAIN_LAYERS,
    z.strictObject({
      kind: z.literal('residual'),
      name,
      body: list.describe('What the input goes through'),
      shortcut: list
        .optional()
        .describe('What is added to the output of the body; absent: the input itself'),
    }),
  ],
);
