/**
 * Ops of sequence models: embeddings, positions and scaled dot-product attention.
 *
 * Attention is three nodes, and their gradients are the same nodes again:
 *   P = attention_scores(q, k)    [B * heads * T, S], scale * q . k of each head
 *   W = softmax(P)                over the keys, causal or not
 *   y = attention_mix(W, v)       [B, T, C]
 * The heads are consecutive parts of the channels, each a multiple of four wide.
 */
import type { Attributes, Tensor } from './graph.ts';
import type { OpDefinition } from './op-definition.ts';
import { mismatch, numberAttr } from './op-definition.ts';
import { numel, padLast } from './shape.ts';

/** @throws {RangeError} Unless the channels fall into heads of a multiple of four. */
function checkHeads(op: string, x: Tensor, attrs: Attributes): number {
  const heads = numberAttr(attrs, 'heads');
  if (x.shape.length !== 3) throw mismatch(op, 'needs [B, T, C]', x);
  if (!(heads >= 1) || x.shape[2]! % (4 * heads) !== 0) {
    throw mismatch(op, `channels must be ${heads} heads of a multiple of four`, x);
  }
  return heads;
}

function checkCausal(op: string, attrs: Attributes, queries: number, keys: number, x: Tensor) {
  if (attrs['causal'] && queries !== keys) {
    throw mismatch(op, `causal needs as many queries as keys, got ${queries} and ${keys}`, x);
  }
}

export const attentionOps: Record<string, OpDefinition> = {
  // inputs tokens [B] or [B, T], words or whole floats; weight [V, C]. A token that is none of the V
  // gives a row of NaN
  embedding: {
    infer([tokens, weight]) {
      if (weight!.shape.length !== 2) throw mismatch('embedding', 'needs weight [V, C]', weight!);
      const c = weight!.padded[1]!;
      return [
        {
          shape: [...tokens!.shape, weight!.shape[1]!],
          padded: [...tokens!.shape, c],
        },
      ];
    },
    gradient({ graph, inputs, gradOutputs, needs }) {
      const [tokens, weight] = inputs as [Tensor, Tensor];
      if (!needs[1]) return [null, null];
      const index = graph.one('token_index', [tokens], { vocabulary: weight.shape[0]! });
      const inputsOfGrad = [gradOutputs[0]!, index, weight];
      return [null, graph.one('embedding_grad', inputsOfGrad, {}, `d_${weight.name}`)];
    },
  },
  // The rows of each token in order, so that the gradient adds them up without atomics: V + 1
  // words, where each token's rows start, then the rows
  token_index: {
    infer([tokens], attrs) {
      const shape = [numberAttr(attrs, 'vocabulary') + 1 + numel(tokens!.shape)];
      return [{ shape, padded: shape, dtype: 'u32' }];
    },
  },
  // inputs dy, token_index and, for its shape alone, weight
  embedding_grad: { infer: ([, , weight]) => [{ shape: weight!.shape, padded: weight!.padded }] },
  // inputs tokens [B, T], labels [B] u32: the token after each position, and the label at the last;
  // a row whose label does not count has none that does
  next_tokens: {
    infer([tokens, labels]) {
      const [batch, length] = tokens!.shape;
      if (tokens!.shape.length !== 2 || labels!.shape.length !== 1 || labels!.shape[0] !== batch) {
        throw mismatch('next_tokens', 'needs tokens [B, T] and labels [B]', tokens!, labels!);
      }
      const shape = [batch! * length!];
      return [{ shape, padded: shape, dtype: 'u32' }];
    },
  },
  // x [B, T, C] + position [P, C], P at least T
  add_positions: {
    infer([x, position]) {
      const fits = x!.shape.length === 3 && position!.shape.length === 2;
      if (!fits || x!.shape[2] !== position!.shape[1] || x!.shape[1]! > position!.shape[0]!) {
        throw mismatch('add_positions', 'needs [B, T, C] and [T or more, C]', x!, position!);
      }
      return [{ shape: x!.shape, padded: x!.padded }];
    },
    gradient({ graph, inputs, gradOutputs, needs }) {
      const dy = gradOutputs[0]!;
      const position = inputs[1]!;
      return [
        dy,
        needs[1] ? graph.one('sum_batch', [dy, position], {}, `d_${position.name}`) : null,
      ];
    },
  },
  // inputs dy [B, T, C] and, for its shape alone, position [P, C]: sums over the batch
  sum_batch: { infer: ([, position]) => [{ shape: position!.shape, padded: position!.padded }] },
  // over the last axis; attrs causal: row r sees the first r % S + 1 only, the others give 0
  softmax: {
    infer([x], attrs) {
      const keys = x!.shape.at(-1)!;
      if (attrs['causal'] && numel(x!.shape.slice(0, -1)) % keys !== 0) {
        throw mismatch('softmax', 'causal needs as many queries as keys', x!);
      }
      return [{ shape: x!.shape, padded: x!.padded }];
    },
    gradient: ({ graph, inputs, outputs, gradOutputs }) => [
      graph.one('softmax_grad', [gradOutputs[0]!, outputs[0]!], {}, `d_${inputs[0]!.name}`),
    ],
  },
  // inputs dy, y: dx = y (dy - sum of y dy)
  softmax_grad: { infer: ([dy]) => [{ shape: dy!.shape, padded: dy!.padded }] },
  // inputs q [B, T, C], k [B, S, C]; attrs heads, scale, causal: keys after the query give 0
  attention_scores: {
    infer([q, k], attrs) {
      const heads = checkHeads('attention_scores', q!, attrs);
      checkHeads('attention_scores', k!, attrs);
      if (q!.shape[0] !== k!.shape[0] || q!.shape[2] !== k!.shape[2]) {
        throw mismatch('attention_scores', 'batch or channels differ', q!, k!);
      }
      const [batch, queries] = q!.shape as [number, number, number];
      const keys = k!.shape[1]!;
      checkCausal('attention_scores', attrs, queries, keys, q!);
      const shape = [batch * heads * queries, keys];
      return [{ shape, padded: padLast(shape, 1) }];
    },
    gradient({ graph, attrs, inputs, gradOutputs, needs }) {
      const [q, k] = inputs as [Tensor, Tensor];
      const d = gradOutputs[0]!;
      const mix = (x: Tensor, transposed: boolean, name: string) =>
        graph.one('attention_mix', [d, x], { ...attrs, transposed }, `d_${name}`);
      return [needs[0] ? mix(k, false, q.name) : null, needs[1] ? mix(q, true, k.name) : null];
    },
  },
  // inputs w [B * heads * T, S], v [B, S, C]; y[t] = scale * sum over s of w[t,s] v[s]; transposed:
  // v [B, T, C], y[s] = scale * sum over t of w[t,s] v[t]; causal: only s up to t
  attention_mix: {
    infer([w, v], attrs) {
      const heads = checkHeads('attention_mix', v!, attrs);
      const [batch, length, channels] = v!.shape as [number, number, number];
      const queries = w!.shape[0]! / (batch * heads);
      const keys = w!.shape[1]!;
      if (length !== (attrs['transposed'] ? queries : keys)) {
        throw mismatch('attention_mix', 'lengths differ', w!, v!);
      }
      checkCausal('attention_mix', attrs, queries, keys, w!);
      return [{ shape: [batch, attrs['transposed'] ? keys : queries, channels] }];
    },
    gradient({ graph, attrs, inputs, gradOutputs, needs }) {
      const [w, v] = inputs as [Tensor, Tensor];
      const dy = gradOutputs[0]!;
      const transposed = attrs['transposed'] === true;
      const scores = {
        heads: numberAttr(attrs, 'heads'),
        scale: numberAttr(attrs, 'scale'),
        causal: attrs['causal'] === true,
      };
      const pair = transposed ? [v, dy] : [dy, v];
      return [
        needs[0] ? graph.one('attention_scores', pair, scores, `d_${w.name}`) : null,
        needs[1]
          ? graph.one(
              'attention_mix',
              [w, dy],
              { ...scores, transposed: !transposed },
              `d_${v.name}`,
            )
          : null,
      ];
    },
  },
};

/** Sizes of attention_scores and attention_mix. */
export interface AttentionSizes {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  /** Channels of all heads. */
  channels: number;
}

/** @param x An activation [B, ., C]. @param weights Scores or weights [B * heads * T, S]. */
export function attentionSizes(
  x: { shape: readonly number[] },
  weights: { shape: readonly number[] },
  attrs: Attributes,
): AttentionSizes {
  const [batch, , channels] = x.shape as [number, number, number];
  const heads = numberAttr(attrs, 'heads');
  const queries = weights.shape[0]! / (batch * heads);
  return { batch, heads, queries, keys: weights.shape[1]!, channels };
}
