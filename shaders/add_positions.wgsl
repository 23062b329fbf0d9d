// add_positions: y[b,t] = x[b,t] + position[t]
//
// Shapes     x, y [R, B, T, C], position [R, T or more, C]; SAMPLE4 = T C / 4
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/attention.ts; exact to one rounding

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override SAMPLE4: u32;    // vec4s of one sample
override X_STRIDE: u32;   // vec4s between replicas
override P_STRIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> position: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn add_positions(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  y[replica * Y_STRIDE + i] = x[replica * X_STRIDE + i] + position[replica * P_STRIDE + i % SAMPLE4];
}
