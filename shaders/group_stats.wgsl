// group_stats: mean and 1 / sqrt(variance + EPSILON) of each group of channels in each segment
//
// Shapes     x [R, SEGMENTS, ROWS, C], stats [R, SEGMENTS, GROUPS] = (mean, 1 / deviation, 0, 0)
// Grid       one invocation per segment and group in a line; z: replica
// Reference  shared/engine/reference/norm.ts; sums run over the rows in order, then over four lanes
// Source     Ba et al. 2016, arXiv:1607.06450; Wu & He 2018, arXiv:1803.08494
// @include lib/group_channels.wgsl

override SEGMENTS: u32;
override GROUPS: u32;
override ROWS: u32;      // rows of a segment
override C4: u32;        // vec4s in a row
override CG: u32;        // channels of a group
override X_STRIDE: u32;  // vec4s between replicas
override EPSILON: f32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> stats: array<vec4f>;

@compute @workgroup_size(64)
fn group_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let item = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (item >= SEGMENTS * GROUPS) { return; }
  let first = item % GROUPS * CG;
  let last = first + CG;
  let base = replica * X_STRIDE + item / GROUPS * ROWS * C4;
  let count = f32(ROWS * CG);
  var sum = vec4f(0.0);
  for (var row = 0u; row < ROWS; row++) {
    for (var n = first / 4u; n * 4u < last; n++) {
      sum += select(vec4f(0.0), x[base + row * C4 + n], channels_within(n, first, last));
    }
  }
  let mean = sum4(sum) / count;
  var squares = vec4f(0.0);
  for (var row = 0u; row < ROWS; row++) {
    for (var n = first / 4u; n * 4u < last; n++) {
      let d = select(vec4f(0.0), x[base + row * C4 + n] - mean, channels_within(n, first, last));
      squares = fma(d, d, squares);
    }
  }
  let inverse = inverseSqrt(sum4(squares) / count + EPSILON);
  stats[replica * SEGMENTS * GROUPS + item] = vec4f(mean, inverse, 0.0, 0.0);
}
