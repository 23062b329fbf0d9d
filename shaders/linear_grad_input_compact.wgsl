// linear_grad_input_compact: dx = (dy @ weight^T) * f'(saved), in as little code as linear_compact.wgsl
//
// Shapes     as in linear_grad_input.wgsl
// Grid       one invocation per vec4 of dx in a line; z: replica and part of the sums
// Reference  shared/engine/reference/dense.ts linearGradInput(); sums run over n in order
// Tile       shared/engine/kernels/start-tiles.ts; the order of the sums is that of every tile
// @include lib/operand.wgsl
// @include lib/activation.wgsl

struct Sizes {
  rows: u32,
  depth: u32,     // numbers in a row of dy
  columns4: u32,  // vec4s in a row of dx
  parts: u32,     // of each sum; 1: it is not cut
  chunk: u32,     // numbers of dy in a part
  w_stride: u32,  // numbers between replicas of the parameters
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;         // [R, M, N]
@group(0) @binding(1) var<storage, read> weight: array<f32>;     // [R, K, N]
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>; // [R, M, K]
//% if SLOPE
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;    // [R, M, K]
//% end
@group(0) @binding(${3 + (SLOPE>0)}) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn linear_grad_input_compact(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let items = sizes.rows * sizes.columns4;
  if (i >= items) { return; }
  let source = group.z / sizes.parts;
  let first = group.z % sizes.parts * sizes.chunk;
  let last = min(first + sizes.chunk, sizes.depth);
  let y_at = (source * sizes.rows + i / sizes.columns4) * sizes.depth;
  let w_at = source * sizes.w_stride + i % sizes.columns4 * 4u * sizes.depth;
  var v = vec4f(0.0);
  for (var n = first; n < last; n++) {
    let w = w_at + n;
    let column = vec4f(
      weight[w],
      weight[w + sizes.depth],
      weight[w + 2u * sizes.depth],
      weight[w + 3u * sizes.depth],
    );
    v = fma(gradient_operand(vec4f(dy[y_at + n])), operand(column), v);
  }
  let at = group.z * items + i;
//% if SLOPE
  dx[at] = v * activation_slope(saved[at]);
//% else
  dx[at] = v;
//% end
}
