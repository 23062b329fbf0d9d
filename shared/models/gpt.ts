/**
 * A small GPT: token and position embeddings, blocks of causal attention and MLP with layer norm
 * before each, a last layer norm, and a head that reads the last position, or while it learns every
 * one: the logits of the token that comes next. Names are GPT-2's, `transformer.wte`, `transformer.h.0.attn.c_attn`, ….
 *
 * Source: Radford et al. 2019, "Language models are unsupervised multitask learners".
 */
import type { HostActivation, ModelLayer } from './layer.ts';

export interface GptSpec {
  kind: 'gpt';
  /** Number of blocks. */
  depth: number;
  heads: number;
  /** Of the residual stream: a multiple of four times the heads. */
  channels: number;
  /** Number of tokens; absent: as many as classes. */
  vocabulary?: number | undefined;
  /** The head reads the token embedding's table; needs as many tokens as classes. */
  tied: boolean;
  activation: HostActivation;
  dropout: number;
  /** At which positions the next token is predicted. @default {last} */
  targets?: 'last' | 'every' | undefined;
}

/** @throws {RangeError} If rows are images, or the sizes do not fit each other. */
export function gpt(spec: GptSpec, input: readonly number[], classes: number): ModelLayer[] {
  const { channels, depth, heads, tied } = spec;
  const vocabulary = spec.vocabulary ?? classes;
  const [length] = input;
  if (input.length !== 1) {
    throw new RangeError(
      `Cannot build a gpt for rows of ${input.join(' x ')}: it reads rows of tokens; use a cnn`,
    );
  }
  if (channels % (4 * heads) !== 0) {
    throw new RangeError(
      `Cannot build a gpt of ${channels} channels with ${heads} heads: "channels" must be a multiple of ${4 * heads}`,
    );
  }
  if (tied && vocabulary !== classes) {
    throw new RangeError(
      `Cannot tie the head of a gpt with ${vocabulary} tokens to ${classes} classes: set "tied": false`,
    );
  }
  const isEvery = spec.targets === 'every';
  if (isEvery && vocabulary !== classes) {
    throw new RangeError(
      `Cannot predict every token of a gpt with ${vocabulary} tokens and ${classes} classes: with "targets": "every" the tokens are the classes; leave out "vocabulary"`,
    );
  }
  const root = 'transformer';
  const dropout = (name: string): ModelLayer[] =>
    spec.dropout > 0 ? [{ kind: 'dropout', name, rate: spec.dropout }] : [];
  const linear = (name: string, units: number): ModelLayer => ({
    ...{ kind: 'linear', name, units, positionwise: true },
  });
  const blocks = Array.from({ length: depth }, (_, i): ModelLayer[] => {
    const block = `${root}.h.${i}`;
    return [
      {
        kind: 'residual',
        name: `${block}.attn`,
        body: [
          { kind: 'layer-norm', name: `${block}.ln_1` },
          linear(`${block}.attn.c_attn`, 3 * channels),
          { kind: 'attention', name: `${block}.attn.heads`, heads, causal: true },
          linear(`${block}.attn.c_proj`, channels),
          ...dropout(`${block}.attn.resid_dropout`),
        ],
      },
      {
        kind: 'residual',
        name: `${block}.mlp`,
        body: [
          { kind: 'layer-norm', name: `${block}.ln_2` },
          linear(`${block}.mlp.c_fc`, 4 * channels),
          { kind: 'activation', activation: spec.activation },
          linear(`${block}.mlp.c_proj`, channels),
          ...dropout(`${block}.mlp.dropout`),
        ],
      },
    ];
  }).flat();
  return [
    { kind: 'embedding', name: `${root}.wte`, vocabulary, channels },
    { kind: 'positions', name: `${root}.wpe`, longest: length! },
    ...dropout(`${root}.drop`),
    ...blocks,
    // Where only the last position is read, only it is normalised.
    ...(isEvery ? [] : [{ kind: 'last-position' } as const]),
    { kind: 'layer-norm', name: `${root}.ln_f` },
    {
      ...{ kind: 'linear', name: 'lm_head', units: classes, bias: false },
      ...(tied ? { tied: `${root}.wte` } : {}),
      ...(isEvery ? { positionwise: true } : {}),
    },
  ];
}
