// running_stats: the running mean, and 1 / sqrt(running variance + EPSILON), of each channel
//
// Shapes     running_mean, running_variance [R, C]; stats [R, 2, C]
// Grid       one invocation per vec4 of channels in a line; z: replica
// Reference  shared/engine/reference/norm.ts; 1e-6 relative
// @include lib/group_channels.wgsl

override C: u32;             // channels
override C4: u32;            // vec4s of channels
override MEAN_STRIDE: u32;   // vec4s between replicas
override VARIANCE_STRIDE: u32;
override EPSILON: f32;

@group(0) @binding(0) var<storage, read> running_mean: array<vec4f>;
@group(0) @binding(1) var<storage, read> running_variance: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> stats: array<vec4f>;

@compute @workgroup_size(64)
fn running_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let n = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (n >= C4) { return; }
  let inverse = inverseSqrt(running_variance[replica * VARIANCE_STRIDE + n] + EPSILON);
  let at = replica * 2u * C4 + n;
  stats[at] = running_mean[replica * MEAN_STRIDE + n];
  stats[at + C4] = select(vec4f(0.0), inverse, channels_within(n, 0u, C));
}
