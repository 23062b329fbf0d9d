// softmax: y[row] = exp(x[row] - top) / sum of exp, over the last axis, top the largest
//
// With CAUSAL, row r sees its first r % N + 1 numbers; the others give 0 whatever they hold.
//
// Shapes     x, y [R, ROWS, N]
// Grid       one invocation a row, in a line; z: replica
// Reference  shared/engine/reference/attention.ts; 1e-5 relative, sums run over the row by vec4
// @include lib/group_channels.wgsl

override ROWS: u32;
override N: u32;
override N4: u32;         // vec4s in a row
override X_STRIDE: u32;   // vec4s between replicas

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn softmax(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (row >= ROWS) { return; }
//% if CAUSAL
  let seen = row % N + 1u;
//% else
  let seen = N;
//% end
  let from_row = replica * X_STRIDE + row * N4;
  let to_row = (replica * ROWS + row) * N4;
  var top = x[from_row].x;
  for (var n = 0u; n * 4u < seen; n++) {
    let v = select(vec4f(top), x[from_row + n], channels_within(n, 0u, seen));
    top = max(top, max(max(v.x, v.y), max(v.z, v.w)));
  }
  var sums = vec4f(0.0);
  for (var n = 0u; n * 4u < seen; n++) {
    sums += select(vec4f(0.0), exp(x[from_row + n] - top), channels_within(n, 0u, seen));
  }
  let sum = sum4(sums);
  for (var n = 0u; n < N4; n++) {
    let p = exp(x[from_row + n] - top) / sum;
    y[to_row + n] = select(vec4f(0.0), p, channels_within(n, 0u, seen));
  }
}
