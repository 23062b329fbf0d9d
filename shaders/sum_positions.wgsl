// sum_positions: y[b,c] = FACTOR * sum of x[b,..,c] over the positions
//
// Shapes     x [R, B, POSITIONS, C], y [R, B, C]
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/shape.ts; 1e-6 relative, sums run over the positions in order

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override C4: u32;         // vec4s in the last axis
override POSITIONS: u32;
override FACTOR: f32;
override X_STRIDE: u32;   // vec4s between replicas

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn sum_positions(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let base = replica * X_STRIDE + i / C4 * POSITIONS * C4 + i % C4;
  var sum = vec4f(0.0);
  for (var p = 0u; p < POSITIONS; p++) { sum += x[base + p * C4]; }
  y[replica * Y_STRIDE + i] = FACTOR * sum;
}
