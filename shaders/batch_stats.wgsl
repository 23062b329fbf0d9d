// batch_stats: mean and 1 / sqrt(variance + EPSILON) of each channel over the batch
//
//   running_mean += MOMENTUM (mean - running_mean); running_variance likewise, towards the unbiased
//   variance (over ROWS - 1)
//
// Shapes     partial [R, PARTS, 2, C] as channel_stats leaves it; running_mean, running_variance
//            [R, C], updated in place; stats [R, 2, C]: means, then 1 / deviation
// Grid       one invocation per vec4 of channels in a line; z: replica
// Reference  shared/engine/reference/norm.ts; sums run over the parts in order
// Source     Ioffe & Szegedy 2015, arXiv:1502.03167
// @include lib/group_channels.wgsl

override ROWS: u32;
override C: u32;             // channels
override C4: u32;            // vec4s of channels
override PARTS: u32;
override CHUNK: u32;         // rows of a part
override MEAN_STRIDE: u32;   // vec4s between replicas
override VARIANCE_STRIDE: u32;
override MOMENTUM: f32;
override EPSILON: f32;

@group(0) @binding(0) var<storage, read> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> running_mean: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> running_variance: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> stats: array<vec4f>;

@compute @workgroup_size(64)
fn batch_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let n = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (n >= C4) { return; }
  let base = replica * PARTS * 2u * C4 + n;
  var sum = vec4f(0.0);
  for (var part = 0u; part < PARTS; part++) {
    let rows = min((part + 1u) * CHUNK, ROWS) - min(part * CHUNK, ROWS);
    sum = fma(vec4f(f32(rows)), partial[base + part * 2u * C4], sum);
  }
  let mean = sum / f32(ROWS);
  var squares = vec4f(0.0);
  for (var part = 0u; part < PARTS; part++) {
    let rows = min((part + 1u) * CHUNK, ROWS) - min(part * CHUNK, ROWS);
    let d = partial[base + part * 2u * C4] - mean;
    squares += fma(d * d, vec4f(f32(rows)), partial[base + (part * 2u + 1u) * C4]);
  }
  let inverse = inverseSqrt(squares / f32(ROWS) + EPSILON);
  let at = replica * 2u * C4 + n;
  stats[at] = mean;
  stats[at + C4] = select(vec4f(0.0), inverse, channels_within(n, 0u, C));
  let m = running_mean[replica * MEAN_STRIDE + n];
  running_mean[replica * MEAN_STRIDE + n] = fma(vec4f(MOMENTUM), mean - m, m);
  let v = running_variance[replica * VARIANCE_STRIDE + n];
  let unbiased = squares / f32(ROWS - 1u);
  running_variance[replica * VARIANCE_STRIDE + n] = fma(vec4f(MOMENTUM), unbiased - v, v);
}
