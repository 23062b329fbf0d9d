/** The networks a run can start from. shared/models builds them; docs/models.md explains them. */
import { z } from 'zod';
import { Activation } from './activation.ts';
import { HostLayerSpec } from './host-layers.ts';

export { Activation };

const width = z.number().int().min(1).max(4096);
const channels = z.number().int().min(1).max(1024);
const dropout = z.number().min(0).lt(1).default(0);

export const HostSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mlp'),
    hidden: z
      .array(width)
      .max(16)
      .default([4])
      .describe('Widths of the hidden layers; empty for a linear model'),
    activation: Activation.default('tanh'),
    dropout,
  }),
  z.strictObject({
    kind: z.literal('cnn'),
    channels: z
      .array(channels)
      .min(1)
      .max(8)
      .default([4, 8])
      .describe('Output channels of each convolution block (convolution, activation, pool)'),
    kernelSize: z.number().int().min(1).max(7).default(3),
    pool: z
      .enum(['max', 'avg', 'global'])
      .default('max')
      .describe('Pool after each block; global pools only once, before the classifier'),
    hidden: z.array(width).max(4).default([]),
    activation: Activation.default('relu'),
    dropout,
  }),
  z.strictObject({
    kind: z.literal('lenet'),
    channels: z
      .tuple([channels, channels])
      .default([6, 16])
      .describe('Output channels of the two convolutions; LeNet-5 has 6 and 16'),
    hidden: z
      .array(width)
      .max(4)
      .default([120, 84])
      .describe('Widths of the hidden layers; LeNet-5 has 120 and 84'),
    pool: z.enum(['max', 'avg']).default('max'),
    activation: Activation.default('relu'),
    dropout,
  }),
  z.strictObject({
    kind: z.literal('vgg'),
    blocks: z
      .array(z.array(channels).min(1).max(4))
      .min(1)
      .max(6)
      .default([[8], [16]])
      .describe(
        'Output channels of the convolutions of each block; a pool halves the image behind each',
      ),
    hidden: z
      .array(width)
      .max(4)
      .default([])
      .describe('Widths of the hidden layers of the classifier'),
    batchNorm: z.boolean().default(true).describe('Batch norm behind every convolution'),
    activation: Activation.default('relu'),
    dropout: dropout.describe('In the classifier'),
  }),
  z.strictObject({
    kind: z.literal('resnet'),
    depth: z
      .union([z.literal(8), z.literal(14), z.literal(18), z.literal(20), z.literal(32)])
      .default(8)
      .describe('8, 14, 20, 32: three stages for small images; 18: four stages of two blocks'),
    width: z
      .number()
      .int()
      .min(1)
      .max(256)
      .optional()
      .describe(
        'Channels of the first stage, doubled from stage to stage; absent: 16, at depth 18 64',
      ),
    stem: z
      .enum(['small', 'large'])
      .default('small')
      .describe('First convolution: small is 3 x 3; large is 7 x 7 with stride 2, and a pool'),
    activation: Activation.default('relu'),
  }),
  z.strictObject({
    kind: z.literal('gpt'),
    depth: z.number().int().min(1).max(12).default(2).describe('Number of blocks'),
    heads: z.number().int().min(1).max(16).default(2),
    channels: z
      .number()
      .int()
      .min(4)
      .max(768)
      .default(16)
      .describe('Width of the residual stream: a multiple of four times the heads'),
    vocabulary: z
      .number()
      .int()
      .min(2)
      .max(65536)
      .optional()
      .describe('Number of tokens; absent: as many as classes'),
    tied: z.boolean().default(true).describe('The head reads the table of the token embedding'),
    activation: Activation.default('gelu'),
    dropout,
    targets: z
      .enum(['last', 'every'])
      .optional()
      .describe(
        'Where the next token is predicted while it learns: at the last position (also when absent), or at every one',
      ),
  }),
  z.strictObject({
    kind: z.literal('layers'),
    layers: z
      .array(HostLayerSpec)
      .min(1)
      .max(256)
      .describe('From the rows to the logits; the last one has as many units as there are classes'),
  }),
]);
export type HostSpec = z.infer<typeof HostSpec>;

/** Kinds of host that read rows as images. */
export const IMAGE_HOSTS: readonly string[] = ['cnn', 'lenet', 'vgg', 'resnet'];

/** Whether a host looks its rows up in a table of tokens. */
export function readsTokens(host: HostSpec): boolean {
  return host.kind === 'gpt' || (host.kind === 'layers' && host.layers[0]?.kind === 'embedding');
}

/** Number of tokens that a host knows; null: it reads none. */
export function vocabularyOf(host: HostSpec, classes: number): number | null {
  if (host.kind === 'gpt') return host.vocabulary ?? classes;
  const first = host.kind === 'layers' ? host.layers[0] : null;
  return first?.kind === 'embedding' ? (first.vocabulary ?? classes) : null;
}

/** The activation that seeds of a host have: its own, or the first of its list of layers. */
export function activationOf(host: HostSpec): Activation {
  if (host.kind !== 'layers') return host.activation;
  return firstActivation(host.layers) ?? 'relu';
}

function firstActivation(layers: readonly HostLayerSpec[]): Activation | null {
  for (const layer of layers) {
    if (layer.kind === 'activation') return layer.activation;
    const inside = layer.kind === 'residual' ? firstActivation(layer.body) : null;
    if (inside) return inside;
  }
  return null;
}
