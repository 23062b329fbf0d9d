/** From an op of ours to operators of ONNX. */
import type { Attributes, Tensor } from '../../engine/plan/graph.ts';
import type { OnnxGraph } from './onnx-graph.ts';

/**
 * Adds the operators of one node.
 *
 * @returns Name of the result; images in it are [B, C, H, W].
 */
export type Converter = (graph: OnnxGraph, inputs: readonly Tensor[], attrs: Attributes) => string;
