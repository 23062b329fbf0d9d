/** Lowering of embeddings and attention: one invocation per vec4 of the result or per row. */
import { numberAttr } from '../plan/op-definition.ts';
import { attentionSizes } from '../plan/ops-attention.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';
import { LANES, numel } from '../plan/shape.ts';
import type { KernelCall, Lowering, LoweringContext } from './kernel-call.ts';
import { lineGrid, read, write } from './kernel-call.ts';
import { checkLoop, LINE_SIZE } from './limits.ts';

const SHORTER = 'use a smaller batch or shorter sequences';

/** Distance between replicas in vec4s. */
function stride4(t: PlannedTensor): number {
  return t.replicaStride / LANES;
}

/** Vec4s of the result, and between its replicas. */
function sizeOf(result: PlannedTensor) {
  return { SIZE4: result.elements / LANES, Y_STRIDE: stride4(result) };
}

function line(items: number, c: LoweringContext): KernelCall['grid'] {
  return [...lineGrid(items, LINE_SIZE), c.replicas];
}

/** Defines and constants of lib/token.wgsl. */
function tokenConstants(tokens: PlannedTensor) {
  return {
    defines: { FLOAT: tokens.dtype === 'f32' ? 1 : 0 },
    constants: {
      T: tokens.shape.at(-1)!,
      TOKENS_STORED: tokens.padded.at(-1)!,
      TOKENS_STRIDE: tokens.replicaStride,
    },
  };
}

const embedding: Lowering = (d, c) => {
  const [tokens, weight] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const t = tokenConstants(tokens);
  return {
    shader: 'embedding',
    defines: t.defines,
    constants: {
      ...t.constants,
      ...sizeOf(y),
      C: y.shape.at(-1)!,
      C4: y.padded.at(-1)! / LANES,
      V: weight.shape[0]!,
      W_STRIDE: stride4(weight),
    },
    bindings: [read(tokens, c), read(weight, c), write(y, c)],
    grid: line(y.elements / LANES, c),
  };
};

const tokenIndex: Lowering = (d, c) => {
  const tokens = d.inputs[0]!;
  const rows = numel(tokens.shape);
  const vocabulary = numberAttr(d.attrs, 'vocabulary');
  checkLoop('token_index', 2 * rows, SHORTER);
  const t = tokenConstants(tokens);
  return {
    shader: 'token_index',
    defines: t.defines,
    constants: { ...t.constants, N: rows, V: vocabulary },
    bindings: [read(tokens, c), write(d.outputs[0]!, c)],
    grid: line(vocabulary + 1, c),
  };
};

const embeddingGrad: Lowering = (d, c) => {
  const [dy, index] = d.inputs as [PlannedTensor, PlannedTensor];
  const dw = d.outputs[0]!;
  const vocabulary = dw.shape[0]!;
  const rows = index.elements - vocabulary - 1;
  // All rows may hold the same token.
  checkLoop('embedding_grad', rows, SHORTER);
  return {
    shader: 'embedding_grad',
    defines: {},
    constants: {
      SIZE4: dw.elements / LANES,
      C4: dw.padded.at(-1)! / LANES,
      V: vocabulary,
      N: rows,
      DY_STRIDE: stride4(dy),
      DW_STRIDE: stride4(dw),
    },
    bindings: [read(dy, c), read(index, c), write(dw, c)],
    grid: line(dw.elements / LANES, c),
  };
};

const nextTokens: Lowering = (d, c) => {
  const [tokens, labels] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const t = tokenConstants(tokens);
  return {
    shader: 'next_tokens',
    defines: t.defines,
    constants: {
      ...t.constants,
      SIZE: y.elements,
      LABELS_STRIDE: labels.replicaStride,
      Y_STRIDE: y.replicaStride,
    },
    bindings: [read(tokens, c), read(labels, c), write(y, c)],
    grid: line(y.elements, c),
  };
};

/** Vec4s of one sample of the batch. */
function sample4(t: PlannedTensor): number {
  return t.elements / t.padded[0]! / LANES;
}

const addPositions: Lowering = (d, c) => {
  const [x, position] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  return {
    shader: 'add_positions',
    defines: {},
    constants: {
      ...sizeOf(y),
      SAMPLE4: sample4(x),
      X_STRIDE: stride4(x),
      P_STRIDE: stride4(position),
    },
    bindings: [read(x, c), read(position, c), write(y, c)],
    grid: line(y.elements / LANES, c),
  };
};

const sumBatch: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  checkLoop('sum_batch', x.padded[0]!, 'use a smaller batch');
  return {
    shader: 'sum_batch',
    defines: {},
    constants: {
      ...sizeOf(y),
      SAMPLE4: sample4(x),
      BATCH: x.padded[0]!,
      X_STRIDE: stride4(x),
    },
    bindings: [read(x, c), write(y, c)],
    grid: line(y.elements / LANES, c),
  };
};

const softmax: Lowering = (d, c) => {
  const [x, y] = [d.inputs[0]!, d.outputs[0]!];
  const stored = x.padded.at(-1)!;
  const rows = x.elements / stored;
  checkLoop('softmax', (3 * stored) / LANES, 'use shorter rows');
  return {
    shader: 'softmax',
    defines: { CAUSAL: d.attrs['causal'] ? 1 : 0 },
    constants: { ROWS: rows, N: x.shape.at(-1)!, N4: stored / LANES, X_STRIDE: stride4(x) },
    bindings: [read(x, c), write(y, c)],
    grid: line(rows, c),
  };
};

const softmaxGrad: Lowering = (d, c) => {
  const [dy, y] = d.inputs as [PlannedTensor, PlannedTensor];
  const stored = dy.padded.at(-1)!;
  const rows = dy.elements / stored;
  checkLoop('softmax_grad', (2 * stored) / LANES, 'use shorter rows');
  return {
    shader: 'softmax_grad',
    defines: {},
    constants: {
      ROWS: rows,
      N: dy.shape.at(-1)!,
      N4: stored / LANES,
      DY_STRIDE: stride4(dy),
      Y_STRIDE: stride4(y),
      DX_STRIDE: stride4(d.outputs[0]!),
    },
    bindings: [read(dy, c), read(y, c), write(d.outputs[0]!, c)],
    grid: line(rows, c),
  };
};

const attentionScores: Lowering = (d, c) => {
  const [q, k] = d.inputs as [PlannedTensor, PlannedTensor];
  const scores = d.outputs[0]!;
  const { heads, queries, keys, channels } = attentionSizes(q, scores, d.attrs);
  checkLoop('attention_scores', channels / heads / LANES, 'use more heads');
  return {
    shader: 'attention_scores',
    defines: { CAUSAL: d.attrs['causal'] ? 1 : 0 },
    constants: {
      ...sizeOf(scores),
      T: queries,
      S: keys,
      S4: scores.padded[1]! / LANES,
      H: heads,
      D4: channels / heads / LANES,
      SCALE: numberAttr(d.attrs, 'scale'),
      Q_STRIDE: stride4(q),
      K_STRIDE: stride4(k),
    },
    bindings: [read(q, c), read(k, c), write(scores, c)],
    grid: line(scores.elements / LANES, c),
  };
};

const attentionMix: Lowering = (d: Dispatch, c) => {
  const [w, v] = d.inputs as [PlannedTensor, PlannedTensor];
  const y = d.outputs[0]!;
  const { heads, queries, keys, channels } = attentionSizes(v, w, d.attrs);
  checkLoop('attention_mix', Math.max(queries, keys), 'use shorter sequences');
  return {
    shader: 'attention_mix',
    defines: { CAUSAL: d.attrs['causal'] ? 1 : 0, TRANSPOSED: d.attrs['transposed'] ? 1 : 0 },
    constants: {
      ...sizeOf(y),
      T: queries,
      S: keys,
      STORED: w.padded[1]!,
      H: heads,
      D4: channels / heads / LANES,
      SCALE: numberAttr(d.attrs, 'scale'),
      W_STRIDE: w.replicaStride,
      V_STRIDE: stride4(v),
    },
    bindings: [read(w, c), read(v, c), write(y, c)],
    grid: line(y.elements / LANES, c),
  };
};

export const attentionKernels: Record<string, Lowering> = {
  embedding,
  token_index: tokenIndex,
  embedding_grad: embeddingGrad,
  next_tokens: nextTokens,
  add_positions: addPositions,
  sum_batch: sumBatch,
  softmax,
  softmax_grad: softmaxGrad,
  attention_scores: attentionScores,
  attention_mix: attentionMix,
};
