// normalize: y = (x - mean) * inverse deviation * gamma + beta
//
// Shapes     x, y [R, .., C]; gamma, beta [R, C]; stats as in lib/moments.wgsl
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/norm.ts; 1e-6 relative
// @include lib/moments.wgsl
// @include lib/group_channels.wgsl

override SIZE4: u32;     // vec4s of one replica
override Y_STRIDE: u32;  // vec4s between replicas of the result
override C: u32;         // channels
override X_STRIDE: u32;  // vec4s between replicas
override G_STRIDE: u32;
override B_STRIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> stats: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(3) var<storage, read> beta: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn normalize(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let n = i % C4;
  let m = moments(replica, i / C4, n);
  let v = (x[replica * X_STRIDE + i] - m.mean) * m.inverse;
  let scaled = fma(v, gamma[replica * G_STRIDE + n], beta[replica * B_STRIDE + n]);
  // The padding has a mean too; and what is not finite must not reach it.
  y[replica * Y_STRIDE + i] = select(vec4f(0.0), scaled, channels_within(n, 0u, C));
}
