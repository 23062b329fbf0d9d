// sum_batch: y[t] = sum of x[b,t] over the batch; zero for t beyond the sequence
//
// Shapes     x [R, B, T, C], y [R, T or more, C]; SAMPLE4 = T C / 4
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/attention.ts; sums run over the batch in order

override SIZE4: u32;      // vec4s of one replica of y
override SAMPLE4: u32;    // vec4s of one sample of x
override BATCH: u32;
override X_STRIDE: u32;   // vec4s between replicas
override Y_STRIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn sum_batch(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  var sum = vec4f(0.0);
  if (i < SAMPLE4) {
    for (var b = 0u; b < BATCH; b++) { sum += x[replica * X_STRIDE + b * SAMPLE4 + i]; }
  }
  y[replica * Y_STRIDE + i] = sum;
}
