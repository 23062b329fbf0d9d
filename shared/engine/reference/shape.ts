/** Ops that move, repeat or multiply numbers, in float64; definitions in engine/plan/ops-shape.ts. */
import { numberAttr } from '../plan/op-definition.ts';
import { isPerChannel } from '../plan/ops-shape.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { numel } from '../plan/shape.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

/** Place of an index in storage; the strides are computed once a tensor. */
function places(t: PlannedTensor): (index: readonly number[]) => number {
  const strides = t.padded.map((_, axis) => numel(t.padded.slice(axis + 1)));
  return (index) => {
    let at = 0;
    for (let axis = 0; axis < index.length; axis++) at += index[axis]! * strides[axis]!;
    return at;
  };
}

/** Visits every real element of a tensor by its index, in order. The index is one array, reused. */
function forEachIndex(t: PlannedTensor, visit: (index: readonly number[]) => void): void {
  const index = new Array<number>(t.shape.length).fill(0);
  for (let i = numel(t.shape); i > 0; i--) {
    visit(index);
    for (let axis = index.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < t.shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Copies input `k` to output 0, its index along attribute `axis` moved; outside it is dropped. */
function copyMoved(call: ReferenceCall, k: number, by: number): void {
  const axis = numberAttr(call.dispatch.attrs, 'axis');
  const [x, y] = [call.input(k), call.output(0)];
  const [from, to] = [call.dispatch.inputs[k]!, call.dispatch.outputs[0]!];
  const [source, target] = [places(from), places(to)];
  const shift = by * numel(to.padded.slice(axis + 1));
  forEachIndex(from, (index) => {
    const moved = index[axis]! + by;
    if (moved >= 0 && moved < to.shape[axis]!) y[target(index) + shift] = x[source(index)]!;
  });
}

/** Index along axis `i` of a gate [B, 1, ..., C] for an element of [B, ..., C]. */
function gateIndex(gate: PlannedTensor, index: readonly number[], i: number): number {
  if (i === 0) return index[0]!;
  return i === gate.shape.length - 1 ? index.at(-1)! : 0;
}

export const shapeReference: Record<string, ReferenceOp> = {
  concat(call) {
    const axis = numberAttr(call.dispatch.attrs, 'axis');
    call.output(0).fill(0);
    copyMoved(call, 0, 0);
    copyMoved(call, 1, call.dispatch.inputs[0]!.shape[axis]!);
  },
  slice(call) {
    call.output(0).fill(0);
    copyMoved(call, 0, -numberAttr(call.dispatch.attrs, 'start'));
  },
  pad_axis(call) {
    call.output(0).fill(0);
    copyMoved(call, 0, numberAttr(call.dispatch.attrs, 'start'));
  },
  transpose(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const [from, to] = [call.dispatch.inputs[0]!, call.dispatch.outputs[0]!];
    const [source, target] = [places(from), places(to)];
    y.fill(0);
    forEachIndex(from, (index) => {
      const [m, n] = index.slice(-2) as [number, number];
      y[target([...index.slice(0, -2), n, m])] = x[source(index)]!;
    });
  },
  reshape(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const [from, to] = [call.dispatch.inputs[0]!, call.dispatch.outputs[0]!];
    const [source, target] = [places(from), places(to)];
    const values: number[] = [];
    forEachIndex(from, (index) => values.push(x[source(index)]!));
    let next = 0;
    y.fill(0);
    forEachIndex(to, (index) => {
      y[target(index)] = values[next++]!;
    });
  },
  mul(call) {
    const [x, b, y] = [call.input(0), call.input(1), call.output(0)];
    const [tx, tb] = call.dispatch.inputs as [PlannedTensor, PlannedTensor];
    const perChannel = isPerChannel(tx, tb);
    const [at, atB] = [places(tx), places(tb)];
    y.fill(0);
    forEachIndex(tx, (index) => {
      const other = perChannel ? tb.shape.map((_, i) => gateIndex(tb, index, i)) : index;
      y[at(index)] = x[at(index)]! * b[atB(other)]!;
    });
  },
  sum_positions(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const [from, to] = [call.dispatch.inputs[0]!, call.dispatch.outputs[0]!];
    const factor = numberAttr(call.dispatch.attrs, 'factor');
    const [source, target] = [places(from), places(to)];
    y.fill(0);
    forEachIndex(from, (index) => {
      y[target([index[0]!, index.at(-1)!])]! += factor * x[source(index)]!;
    });
  },
  repeat_positions(call) {
    const [x, y] = [call.input(0), call.output(0)];
    const [from, to] = [call.dispatch.inputs[0]!, call.dispatch.outputs[0]!];
    const factor = numberAttr(call.dispatch.attrs, 'factor');
    const [source, target] = [places(from), places(to)];
    y.fill(0);
    forEachIndex(to, (index) => {
      y[target(index)] = factor * x[source([index[0]!, index.at(-1)!])]!;
    });
  },
};
