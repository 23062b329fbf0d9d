// join_batches: the rows of a, then those of b
//
// Shapes     a [R, SIZE_A], b [R, SIZE_B], y [R, SIZE_A + SIZE_B] vec4s
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/micro-batches.ts; exact

override SIZE_A: u32;  // vec4s of one replica
override SIZE_B: u32;

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn join_batches(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let size = SIZE_A + SIZE_B;
  if (i >= size) { return; }
  if (i < SIZE_A) {
    y[group.z * size + i] = a[group.z * SIZE_A + i];
  } else {
    y[group.z * size + i] = b[group.z * SIZE_B + i - SIZE_A];
  }
}
