// add: y = a + b
//
// Shapes     a, b, y [R, ..], SIZE4 vec4s a replica
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; exact

override SIZE4: u32;
override A_STRIDE: u32;  // vec4s between replicas
override B_STRIDE: u32;
override Y_STRIDE: u32;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn add(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  y[replica * Y_STRIDE + i] = a[replica * A_STRIDE + i] + b[replica * B_STRIDE + i];
}
