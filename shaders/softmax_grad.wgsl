// softmax_grad: dx[row] = y[row] * (dy[row] - sum of y[row] dy[row])
//
// Shapes     dy, y, dx [R, ROWS, N]
// Grid       one invocation a row, in a line; z: replica
// Reference  shared/engine/reference/attention.ts; 1e-5 relative, sums run over the row by vec4
// @include lib/group_channels.wgsl

override ROWS: u32;
override N: u32;
override N4: u32;         // vec4s in a row
override DY_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;
override DX_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn softmax_grad(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (row >= ROWS) { return; }
  let dy_row = replica * DY_STRIDE + row * N4;
  let y_row = replica * Y_STRIDE + row * N4;
  var sums = vec4f(0.0);
  for (var n = 0u; n < N4; n++) { sums = fma(y[y_row + n], dy[dy_row + n], sums); }
  let sum = sum4(sums);
  for (var n = 0u; n < N4; n++) {
    // Selected, not multiplied by zero: a sum that is no number must not reach the padding.
    let d = y[y_row + n] * (dy[dy_row + n] - sum);
    dx[replica * DX_STRIDE + row * N4 + n] = select(vec4f(0.0), d, channels_within(n, 0u, N));
  }
}
