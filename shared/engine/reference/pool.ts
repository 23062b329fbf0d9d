/** Pooling in float64: images [B, H, W, C] as stored; every window lies inside the image. */
import { numberAttr } from '../plan/op-definition.ts';
import type { PlannedTensor } from '../plan/plan.ts';
import { finishBackward } from './epilogue.ts';
import type { ReferenceCall, ReferenceOp } from './reference-call.ts';

/**
 * Visits every output element with the offsets of its window's elements, row by row.
 *
 * @param image Tensor [B, H, W, C]. @param result Tensor [B, OH, OW, C].
 */
function forEachWindow(
  call: ReferenceCall,
  image: PlannedTensor,
  result: PlannedTensor,
  visit: (at: number, members: readonly number[]) => void,
): void {
  const size = numberAttr(call.dispatch.attrs, 'size');
  const stride = numberAttr(call.dispatch.attrs, 'stride');
  const [b, h, w, channels] = image.padded as [number, number, number, number];
  const [, oh, ow] = result.padded as [number, number, number, number];
  const members = new Array<number>(size * size);
  for (let i = 0; i < b * oh * ow * channels; i++) {
    const c = i % channels;
    const pixel = Math.floor(i / channels);
    const ox = pixel % ow;
    const oy = Math.floor(pixel / ow) % oh;
    const n = Math.floor(pixel / (ow * oh));
    for (let k = 0; k < size * size; k++) {
      const iy = oy * stride + Math.floor(k / size);
      const ix = ox * stride + (k % size);
      members[k] = ((n * h + iy) * w + ix) * channels + c;
    }
    visit(i, members);
  }
}

export const poolReference: Record<string, ReferenceOp> = {
  max_pool(call) {
    const x = call.input(0);
    const y = call.output(0);
    const { inputs, outputs } = call.dispatch;
    forEachWindow(call, inputs[0]!, outputs[0]!, (at, members) => {
      let largest = x[members[0]!]!;
      for (const m of members) largest = Math.max(largest, x[m]!);
      y[at] = largest;
    });
  },
  max_pool_grad(call) {
    const [dy, x, y] = [call.input(0), call.input(1), call.input(2)];
    const dx = call.output(0);
    dx.fill(0);
    const { inputs } = call.dispatch;
    forEachWindow(call, inputs[1]!, inputs[0]!, (at, members) => {
      const first = members.find((m) => x[m] === y[at]);
      if (first !== undefined) dx[first]! += dy[at]!;
    });
    finishBackward(call, 3);
  },
  avg_pool(call) {
    const x = call.input(0);
    const y = call.output(0);
    const { inputs, outputs } = call.dispatch;
    forEachWindow(call, inputs[0]!, outputs[0]!, (at, members) => {
      let sum = 0;
      for (const m of members) sum += x[m]!;
      y[at] = sum / members.length;
    });
  },
  avg_pool_grad(call) {
    const dy = call.input(0);
    const dx = call.output(0);
    dx.fill(0);
    const { inputs, outputs } = call.dispatch;
    forEachWindow(call, outputs[0]!, inputs[0]!, (at, members) => {
      for (const m of members) dx[m]! += dy[at]! / members.length;
    });
  },
  global_avg_pool(call) {
    const x = call.input(0);
    const y = call.output(0);
    const [b, h, w, c] = call.dispatch.inputs[0]!.padded as [number, number, number, number];
    y.fill(0);
    for (let i = 0; i < b * h * w; i++) {
      const row = Math.floor(i / (h * w)) * c;
      for (let k = 0; k < c; k++) y[row + k]! += x[i * c + k]! / (h * w);
    }
  },
  global_avg_pool_grad(call) {
    const dy = call.input(0);
    const dx = call.output(0);
    const [b, h, w, c] = call.dispatch.outputs[0]!.padded as [number, number, number, number];
    for (let i = 0; i < b * h * w; i++) {
      const row = Math.floor(i / (h * w)) * c;
      for (let k = 0; k < c; k++) dx[i * c + k] = dy[row + k]! / (h * w);
    }
  },
};
