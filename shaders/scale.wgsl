// scale: y = FACTOR x
//
// Shapes     x, y [R, ..], SIZE4 vec4s a replica
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; exact

override SIZE4: u32;
override X_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;
override FACTOR: f32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn scale(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  y[replica * Y_STRIDE + i] = FACTOR * x[replica * X_STRIDE + i];
}
