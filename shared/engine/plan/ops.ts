/** The op table: every op the engine knows, with its shapes and its gradient in one row. */
import type { Attributes, Tensor } from './graph.ts';
import type { OpDefinition, OutputSpec } from './op-definition.ts';
import { attentionOps } from './ops-attention.ts';
import { batchOps } from './ops-batch.ts';
import { convOps } from './ops-conv.ts';
import { denseOps } from './ops-dense.ts';
import { elementwiseOps } from './ops-elementwise.ts';
import { normOps } from './ops-norm.ts';
import { shapeOps } from './ops-shape.ts';
import { trainingOps } from './ops-training.ts';

export const OPS: Readonly<Record<string, OpDefinition>> = {
  ...denseOps,
  ...convOps,
  ...elementwiseOps,
  ...normOps,
  ...shapeOps,
  ...attentionOps,
  ...trainingOps,
  ...batchOps,
};

export function opDefinition(op: string): OpDefinition {
  const definition = OPS[op];
  if (!definition) throw new RangeError(`Cannot find op "${op}" in the op table`);
  return definition;
}

export function inferOutputs(
  op: string,
  inputs: readonly Tensor[],
  attrs: Attributes,
): OutputSpec[] {
  return opDefinition(op).infer(inputs, attrs);
}
