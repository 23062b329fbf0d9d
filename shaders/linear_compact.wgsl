// linear_compact: y = act(blend(x @ weight + bias)), as linear.wgsl defines it, in as little code as can be
//
//   Every load is one place in the text, since that is what a CPU renderer's compile time grows with,
//   and sizes are read from a buffer, so that layers of all sizes share a pipeline.
//
// Shapes     as in linear.wgsl
// Grid       one invocation per vec4 of y in a line; z: replica and part of the sums
// Reference  shared/engine/reference/dense.ts linear(); sums run over k in order
// Tile       shared/engine/kernels/start-tiles.ts; the order of the sums is that of every tile
// @include lib/operand.wgsl
// @include lib/control.wgsl
// @include lib/activation.wgsl

struct Sizes {
  rows: u32,
  depth: u32,     // numbers in a row of x
  columns4: u32,  // vec4s in a row of y
  columns: u32,   // columns of y without padding
  parts: u32,     // of each sum; 1: it is not cut
  chunk: u32,     // numbers of x in a part
  x_stride: u32,  // numbers between replicas of x; 0: all read the same
  w_stride: u32,  // vec4s between replicas of the parameters
}

override ALPHA: u32 = 0u;

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R, M, K]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, K, N]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [R, M, N]
//% if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;    // [R, N]
//% end
//% if BLEND
@group(0) @binding(${3 + BIAS}) var<storage, read> z: array<vec4f>; // [R, M, N]
@group(0) @binding(${4 + BIAS}) var<storage, read> control: array<u32>;
//% end
@group(0) @binding(${3 + BIAS + 2*(BLEND>0)}) var<uniform> sizes: Sizes;

@compute @workgroup_size(64)
fn linear_compact(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let items = sizes.rows * sizes.columns4;
  if (i >= items) { return; }
  let row = i / sizes.columns4;
  let n = i % sizes.columns4;
  let source = group.z / sizes.parts;
  let first = group.z % sizes.parts * sizes.chunk;
  let last = min(first + sizes.chunk, sizes.depth);
  let x_at = source * sizes.x_stride + row * sizes.depth;
  let w_at = source * sizes.w_stride + n;
  var v = vec4f(0.0);
  for (var k = first; k < last; k++) {
    v = fma(vec4f(scalar_operand(x[x_at + k])), operand(weight[w_at + k * sizes.columns4]), v);
  }
  let at = group.z * items + i;
//% if BIAS
  v += bias[w_at];
//% end
//% if BLEND
  let alpha = bitcast<f32>(
    control[schedule_row(control[CONTROL_STEP], control[CONTROL_CHUNK_START], source) + ALPHA],
  );
  let host = z[at];
//% end
//% if BLEND == 1
  v = select(fma(vec4f(alpha), v, host), host, alpha == 0.0);
//% end
//% if BLEND == 2
  v = select(fma(vec4f(alpha), v - host, host), host, alpha == 0.0);
//% end
  v = activate(v);
//% if ACT == 3
  // sigmoid(0) is not 0: keep the padding zero.
  v = select(vec4f(0.0), v, vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(sizes.columns));
//% end
  y[at] = v;
}
