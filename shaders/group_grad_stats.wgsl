// group_grad_stats: means of gamma dy and of gamma dy * normalised x, per segment and group
//
// Shapes     dy, x [R, SEGMENTS, ROWS, C], gamma [R, C]; stats, sums [R, SEGMENTS, GROUPS]: stats =
//            (mean, 1 / deviation, 0, 0), sums = (mean of gamma dy, mean of the product, 0, 0)
// Grid       one invocation per segment and group in a line; z: replica
// Reference  shared/engine/reference/norm.ts; sums run over the rows in order, then over four lanes
// @include lib/group_channels.wgsl

override SEGMENTS: u32;
override GROUPS: u32;
override ROWS: u32;          // rows of a segment
override C4: u32;            // vec4s in a row
override CG: u32;            // channels of a group
override DY_STRIDE: u32;     // vec4s between replicas
override X_STRIDE: u32;
override STATS_STRIDE: u32;
override G_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn group_grad_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let item = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (item >= SEGMENTS * GROUPS) { return; }
  let first = item % GROUPS * CG;
  let last = first + CG;
  let start = item / GROUPS * ROWS * C4;
  let s = stats[replica * STATS_STRIDE + item];
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var row = 0u; row < ROWS; row++) {
    for (var n = first / 4u; n * 4u < last; n++) {
      let at = start + row * C4 + n;
      let real = channels_within(n, first, last);
      let g = gamma[replica * G_STRIDE + n] * dy[replica * DY_STRIDE + at];
      let d = select(vec4f(0.0), g, real);
      sum += d;
      let normalised = (x[replica * X_STRIDE + at] - s.x) * s.y;
      product = fma(d, select(vec4f(0.0), normalised, real), product);
    }
  }
  let count = f32(ROWS * CG);
  let means = vec4f(sum4(sum) / count, sum4(product) / count, 0.0, 0.0);
  sums[replica * SEGMENTS * GROUPS + item] = means;
}
