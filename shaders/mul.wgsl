// mul: y = x * b; with PER_CHANNEL, b has one number a sample and channel
//
// Shapes     x, y [R, B, .., C]; b the same, or [R, B, C]
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/shape.ts; exact

override SIZE4: u32;           // vec4s of one replica
override Y_STRIDE: u32;        // vec4s between replicas of the result
override X_STRIDE: u32;        // vec4s between replicas
override B_STRIDE: u32;
override SAMPLE4: u32 = 1u;    // vec4s of a sample of x
override C4: u32 = 1u;         // vec4s in the last axis

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn mul(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
//% if PER_CHANNEL
  let k = i / SAMPLE4 * C4 + i % C4;
//% else
  let k = i;
//% end
  y[replica * Y_STRIDE + i] = x[replica * X_STRIDE + i] * b[replica * B_STRIDE + k];
}
