/**
 * What one reference function gets: one dispatch of a plan, for one replica, with its tensors as
 * views on float64 memory in storage order (channel axes padded to four, the padding zero).
 */
import { CONTROL } from '../kernels/control.ts';
import type { Dispatch, PlannedTensor } from '../plan/plan.ts';

export interface ReferenceCall {
  readonly dispatch: Dispatch;
  readonly replica: number;
  readonly replicas: number;
  /** Word of the schedule's first row, and words in a row, see engine/kernels/control.ts. */
  readonly scheduleBase: number;
  readonly scheduleColumns: number;
  /** Storage of input `index` for this replica. */
  input(index: number): Float64Array;
  /** Storage of output `index` for this replica. */
  output(index: number): Float64Array;
  /** The whole buffer a tensor lives in: control words, metrics table. */
  buffer(tensor: PlannedTensor): Float64Array;
}

/** Runs one dispatch for one replica. Pure apart from the outputs (and the optimizer's state). */
export type ReferenceOp = (call: ReferenceCall) => void;

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** The float32 whose bit pattern is `word`: schedule numbers travel as words. */
export function floatFromWord(word: number): number {
  bits[0] = word;
  return float[0]!;
}

/**
 * Number at a column of the schedule row of the current step and this replica.
 *
 * @param control The control buffer's words, each stored as a number.
 */
export function scheduleValue(call: ReferenceCall, control: Float64Array, column: number): number {
  const row = control[CONTROL.step]! - control[CONTROL.chunkStart]!;
  const at = call.scheduleBase + (row * call.replicas + call.replica) * call.scheduleColumns;
  return floatFromWord(control[at + column]!);
}

/** Blend weight of the dispatch: attribute `alpha` is its column, input `index` the control buffer. */
export function alphaOf(call: ReferenceCall, index: number): number {
  const control = call.buffer(call.dispatch.inputs[index]!);
  return scheduleValue(call, control, Number(call.dispatch.attrs['alpha']));
}
