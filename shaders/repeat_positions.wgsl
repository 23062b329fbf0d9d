// repeat_positions: y[b,..,c] = FACTOR * x[b,c]
//
// Shapes     x [R, B, C], y [R, B, POSITIONS, C]
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/shape.ts; exact to one rounding

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override C4: u32;         // vec4s in the last axis
override POSITIONS: u32;
override FACTOR: f32;
override X_STRIDE: u32;   // vec4s between replicas

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn repeat_positions(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let from_sample = i / (POSITIONS * C4) * C4;
  y[replica * Y_STRIDE + i] = FACTOR * x[replica * X_STRIDE + from_sample + i % C4];
}
