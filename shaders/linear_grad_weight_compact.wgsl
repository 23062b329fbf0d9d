// linear_grad_weight_compact: dweight = x^T @ dy, dbias = column sums of dy, in as little code as linear_compact.wgsl
//
// Shapes     as in linear_grad_weight.wgsl
// Grid       one invocation per vec4 of dweight in a line, and with BIAS of dbias behind them; z: replica
//            and part of the sums
// Reference  shared/engine/reference/dense.ts linearGradWeight(); sums run over the batch in order
// Tile       shared/engine/kernels/start-tiles.ts; the order of the sums is that of every tile
// @include lib/operand.wgsl

struct Sizes {
  rows: u32,      // batch
  inputs: u32,    // numbers in a row of x
  columns4: u32,  // vec4s in a row of dy
  parts: u32,     // of each sum; 1: it is not cut
  chunk: u32,     // rows of the batch in a part
  x_stride: u32,  // numbers between replicas of x; 0: all read the same
  g_stride: u32,  // vec4s between replicas, or parts, of the gradients
  bias_at: u32,   // vec4s from the weight's gradient to the bias'
  b_stride: u32,  // vec4s between replicas of grad_bias
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4f>;
//% if SEPARATE
@group(0) @binding(3) var<storage, read_write> grad_bias: array<vec4f>;
//% end
@group(0) @binding(${3 + SEPARATE}) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn linear_grad_weight_compact(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let k = i / sizes.columns4;
  let n = i % sizes.columns4;
  if (k >= sizes.inputs + ${BIAS}u) { return; }
  let source = group.z / sizes.parts;
  let first = group.z % sizes.parts * sizes.chunk;
  let last = min(first + sizes.chunk, sizes.rows);
  let x_at = source * sizes.x_stride + min(k, sizes.inputs - 1u);
  let y_at = source * sizes.rows * sizes.columns4 + n;
  var v = vec4f(0.0);
  for (var m = first; m < last; m++) {
//% if BIAS
    // A factor of one is no rounding more than a sum.
    let factor = select(scalar_operand(x[x_at + m * sizes.inputs]), 1.0, k == sizes.inputs);
//% else
    let factor = scalar_operand(x[x_at + m * sizes.inputs]);
//% end
    v = fma(vec4f(factor), gradient_operand(dy[y_at + m * sizes.columns4]), v);
  }
//% if SEPARATE
  if (k == sizes.inputs) {
    grad_bias[group.z * sizes.b_stride + n] = v;
    return;
  }
//% end
  gradients[group.z * sizes.g_stride + select(i, sizes.bias_at + n, k == sizes.inputs)] = v;
}
