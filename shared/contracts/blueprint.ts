/**
 * Blueprint IR: a small module a seed can become, independent of its host's shapes.
 * Identity is the SHA-256 of the canonical form; names and metadata are not part of it.
 */
import { z } from 'zod';
import { Numerics } from './numerics.ts';

/**
 * A number of units or channels, or one of the host's: `in` (features of a linear host's input,
 * channels of a convolution's) or `out` (its output features or channels).
 */
export const Dimension = z.union([z.number().int().positive(), z.enum(['in', 'out'])]);
export type Dimension = z.infer<typeof Dimension>;

export const Initializer = z.enum(['zeros', 'ones', 'kaiming', 'xavier']);
export type Initializer = z.infer<typeof Initializer>;

/**
 * Nodes read earlier nodes by id. Two ids are given: `x`, the host layer's input, and `z`, the host
 * layer's own output before its activation. The rules are checked by blueprints/ir.ts.
 */
export const BlueprintNode = z.discriminatedUnion('op', [
  z.strictObject({
    id: z.string(),
    op: z.literal('linear'),
    inputs: z.tuple([z.string()]),
    units: Dimension,
    bias: z.boolean().default(true),
    init: Initializer.default('kaiming'),
  }),
  z.strictObject({
    id: z.string(),
    op: z.literal('conv2d'),
    inputs: z.tuple([z.string()]),
    channels: Dimension,
    kernelSize: z.number().int().min(1).max(7),
    /**
     * `host`: moves with the host convolution (its stride and dilation, and taps centred on the
     * host's taps, so padding is host padding - dilation * (host kernel - kernel) / 2); 1: keeps the
     * shape (`same` padding).
     */
    stride: z.union([z.literal('host'), z.literal(1)]).default(1),
    /** Each channel has a window of its own and sees no other; as many channels as it reads. */
    depthwise: z.literal(true).optional(),
    /** `host`: channels are joined within as many groups as the host's; absent: all with all. */
    groups: z.literal('host').optional(),
    bias: z.boolean().default(true),
    init: Initializer.default('kaiming'),
  }),
  /**
   * A window that walks along a signal: reads [length, channels], or [features] as that many positions
   * of one channel, and gives [length', channels].
   */
  z.strictObject({
    id: z.string(),
    op: z.literal('conv1d'),
    inputs: z.tuple([z.string()]),
    channels: Dimension,
    kernelSize: z.number().int().min(1).max(7),
    /** Positions between two places of the window. */
    stride: z.number().int().min(1).max(7).default(1),
    /** Zeros on each side; absent: half the kernel, which with stride 1 and an odd kernel keeps the length. */
    padding: z.number().int().min(0).max(6).optional(),
    bias: z.boolean().default(true),
    init: Initializer.default('kaiming'),
  }),
  /** One learned factor a channel. */
  z.strictObject({
    id: z.string(),
    op: z.literal('gain'),
    inputs: z.tuple([z.string()]),
    init: z.enum(['zeros', 'ones']).default('ones'),
  }),
  /** Layer norm over the channels of each position, with a scale and a shift for each channel. */
  z.strictObject({
    id: z.string(),
    op: z.literal('norm'),
    inputs: z.tuple([z.string()]),
    /** What the scale starts at; the shift starts at zero. */
    init: z.enum(['zeros', 'ones']).default('ones'),
  }),
  /** Mean over the positions: [height, width, channels] to [channels]. */
  z.strictObject({
    id: z.string(),
    op: z.literal('pool'),
    inputs: z.tuple([z.string()]),
  }),
  /** Product of two equal shapes; the second may be [channels] against every position. */
  z.strictObject({
    id: z.string(),
    op: z.literal('multiply'),
    inputs: z.tuple([z.string(), z.string()]),
  }),
  /**
   * Scaled dot-product attention between the positions of a sample: queries, keys and values of one
   * shape [heads times a multiple of four]. Causal where the host is.
   */
  z.strictObject({
    id: z.string(),
    op: z.literal('attention'),
    inputs: z.tuple([z.string(), z.string(), z.string()]),
    heads: z.number().int().min(1).max(16),
  }),
  z.strictObject({
    id: z.string(),
    op: z.literal('activation'),
    inputs: z.tuple([z.string()]),
    activation: z.enum(['relu', 'tanh', 'sigmoid', 'gelu']),
  }),
  z.strictObject({
    id: z.string(),
    op: z.literal('add'),
    inputs: z.tuple([z.string(), z.string()]),
  }),
]);
export type BlueprintNode = z.infer<typeof BlueprintNode>;

export const Blueprint = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/),
  description: z.string().max(500).default(''),
  host: z.enum(['linear', 'conv2d', 'any']),
  nodes: z.array(BlueprintNode).min(1).max(64),
  /** Id of the node whose output is the seed's output s. */
  output: z.string(),
});
export type Blueprint = z.infer<typeof Blueprint>;

/** Numeric class of the host's products, which a seed on it shares. @default {'f32'} */
const hostNumerics = Numerics.optional();

/** Shapes of the host a blueprint is compiled for. */
export const HostShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('linear'),
    numerics: hostNumerics,
    /** Logical feature axes of the input, batch left out. */
    input: z.array(z.number().int().positive()).min(1),
    outFeatures: z.number().int().positive(),
    /**
     * The layer works at each of `length` positions of a sample by itself; `input` is then one
     * position's. Causal: no position may learn of a later one. Absent: a row is a whole sample.
     */
    positions: z
      .strictObject({ length: z.number().int().positive(), causal: z.boolean() })
      .optional(),
  }),
  z.strictObject({
    kind: z.literal('conv2d'),
    numerics: hostNumerics,
    /** [height, width, channels] of the input. */
    input: z.tuple([
      z.number().int().positive(),
      z.number().int().positive(),
      z.number().int().positive(),
    ]),
    outChannels: z.number().int().positive(),
    kernelSize: z.number().int().positive(),
    stride: z.number().int().positive(),
    padding: z.number().int().nonnegative(),
    /** Places between two neighbouring taps. Absent: 1. */
    dilation: z.number().int().min(2).optional(),
    /** Runs of channels that are each joined to their own alone. Absent: 1, all with all. */
    groups: z.number().int().min(2).optional(),
  }),
]);
export type HostShape = z.infer<typeof HostShape>;

/** Positions of a sample that a host works at; see {@link HostShape}. */
export type Positions = NonNullable<Extract<HostShape, { kind: 'linear' }>['positions']>;

/** One check of the forge. `value` is the largest deviation found. */
export const VerificationCheck = z.object({
  name: z.string(),
  passed: z.boolean(),
  value: z.number().nullable(),
  bound: z.number().nullable(),
  detail: z.string(),
});
export type VerificationCheck = z.infer<typeof VerificationCheck>;

/** Lower-case hexadecimal SHA-256. */
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in 64 lower-case hexadecimal digits');

/** Kind of adapter the kernels were lowered for; see engine/plan/backend.ts `AdapterInfo`. */
export const AdapterFamily = z.enum(['gpu', 'software', 'reference']);
export type AdapterFamily = z.infer<typeof AdapterFamily>;

/** How much work the forge puts into an artifact; tezzeret/compiler.ts says what each does. */
export const Pipeline = z.enum(['fast', 'standard', 'aggressive']);
export type Pipeline = z.infer<typeof Pipeline>;

export const ArtifactManifest = z.object({
  version: z.literal(1),
  /** What it is looked up by: tezzeret/artifact-key.ts. Absent: it cannot be looked up. */
  key: sha256.optional(),
  family: AdapterFamily.optional(),
  /** SHA-256 over all shader sources it was compiled from. */
  shaderDigest: sha256.optional(),
  blueprintId: z.string(),
  blueprintName: z.string(),
  blueprint: Blueprint,
  host: HostShape,
  pipeline: Pipeline,
  /** Kernels the fragment runs: name, SHA-256 of the expanded WGSL. */
  kernels: z.array(z.object({ name: z.string(), sha256: z.string() })),
  parameters: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.number().int().positive()),
      init: Initializer,
      /** Inputs that feed one output unit; scales the initial values. */
      fanIn: z.number().int().positive(),
      fanOut: z.number().int().positive(),
    }),
  ),
  parameterCount: z.number().int().nonnegative(),
  wgslSha256: z.string(),
  weightsSha256: z.string(),
  /** What the pipelines standard and aggressive measured on `verification.adapter`; absent: fast. */
  measured: z
    .object({
      /** Rows of the batch. */
      rows: z.number().int().positive(),
      /** Of one forward and backward pass; null where the clock was too coarse. */
      milliseconds: z.number().nullable(),
      /** Each kernel that has variants: how many, how many gave the default's bits, and times. */
      tuning: z.array(
        z.object({
          kernel: z.string(),
          candidates: z.number().int().nonnegative(),
          verified: z.number().int().nonnegative(),
          defaultMs: z.number().nullable(),
          chosenMs: z.number().nullable(),
        }),
      ),
    })
    .optional(),
  verification: z.object({
    status: z.enum(['validated', 'rejected']),
    adapter: z.string(),
    checks: z.array(VerificationCheck),
  }),
});
export type ArtifactManifest = z.infer<typeof ArtifactManifest>;
