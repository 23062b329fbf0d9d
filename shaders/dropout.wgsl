// dropout: y = x / (1 - rate) where the mask keeps x, else 0
//
//   words = philox(counter (i, step, 0, 0), key (replica's seed, STREAM)), i the vec4's index
//   lane q is kept when words[q] >> 8 >= THRESHOLD = ceil(rate * 2^24)
//
// The gradient is the same kernel on dy: the mask is recomputed, not stored.
//
// Shapes     x, y [R, ..], SIZE4 vec4s a replica
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; the mask is exact
// @include lib/control.wgsl
// @include lib/philox.wgsl

override SIZE4: u32;
override X_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;
override STREAM: u32;
override THRESHOLD: u32;
override FACTOR: f32;    // 1 / (1 - rate)

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> control: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn dropout(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let seed = control[CONTROL_SEEDS + replica];
  let words = philox(vec4u(i, control[CONTROL_STEP], 0u, 0u), vec2u(seed, STREAM));
  let kept = (words >> vec4u(8u)) >= vec4u(THRESHOLD);
  y[replica * Y_STRIDE + i] = select(vec4f(0.0), x[replica * X_STRIDE + i] * FACTOR, kept);
}
