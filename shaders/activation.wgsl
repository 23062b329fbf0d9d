// activation: y = f(x), f by ACT as in lib/activation.wgsl
//
// Shapes     x, y [R, .., C], SIZE4 vec4s a replica; the padding of the last axis stays zero
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; 1e-5 relative, relu exact
// @include lib/activation.wgsl

override SIZE4: u32;
override X_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;
override C4: u32;        // vec4s in the last axis
override C: u32;         // its length without padding

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn activation(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let v = activate(x[replica * X_STRIDE + i]);
//% if ACT == 3
  // sigmoid(0) is not 0: keep the padding zero.
  let real = vec4u((i % C4) * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(C);
  y[replica * Y_STRIDE + i] = select(vec4f(0.0), v, real);
//% else
  y[replica * Y_STRIDE + i] = v;
//% end
}
