// batch_rows: some rows of a batch, floats or words
//
// Shapes     x [R, BATCH, ROW], y [R, SIZE / ROW, ROW]; y is x from word START on
// Grid       one invocation per word of y in a line; z: replica
// Reference  shared/engine/reference/micro-batches.ts; exact

override SIZE: u32;      // words of one replica of y
override START: u32;     // word of x where y begins
override X_STRIDE: u32;  // words between replicas
override Y_STRIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn batch_rows(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= SIZE) { return; }
  y[group.z * Y_STRIDE + i] = x[group.z * X_STRIDE + START + i];
}
