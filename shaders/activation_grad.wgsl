// activation_grad: dx = dy * f'(saved), f by SLOPE as in lib/activation.wgsl
//
// Shapes     dy, saved, dx [R, ..], SIZE4 vec4s a replica
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; 1e-5 relative, relu exact
// @include lib/activation.wgsl

override SIZE4: u32;
override DY_STRIDE: u32;     // vec4s between replicas
override SAVED_STRIDE: u32;
override DX_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> saved: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn activation_grad(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let slope = activation_slope(saved[replica * SAVED_STRIDE + i]);
  dx[replica * DX_STRIDE + i] = dy[replica * DY_STRIDE + i] * slope;
}
