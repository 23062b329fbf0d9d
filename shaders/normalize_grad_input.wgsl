// normalize_grad_input: dx of normalize, through its statistics too
//
//   SUMS 0 (fixed)  dx = inverse * gamma dy
//   SUMS 1 (group)  dx = inverse * (gamma dy - mean(gamma dy) - v mean(gamma dy v))
//   SUMS 2 (batch)  dx = inverse * gamma (dy - (dbeta + v dgamma) / rows)
//   v = (x - mean) * inverse
//
// Shapes     dy, x, dx [R, .., C]; gamma, dgamma, dbeta [R, C]; sums as group_grad_stats leaves them;
//            stats as in lib/moments.wgsl
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/norm.ts; 1e-5 relative
// @include lib/moments.wgsl
// @include lib/group_channels.wgsl

override SIZE4: u32;             // vec4s of one replica
override DX_STRIDE: u32;         // vec4s between replicas of the result
override C: u32;                 // channels
override COUNT: f32 = 1.0;       // rows of the batch
override DY_STRIDE: u32;         // vec4s between replicas
override G_STRIDE: u32;
override X_STRIDE: u32 = 0u;
override SUMS_STRIDE: u32 = 0u;  // of sums, or of dgamma and dbeta

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> stats: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
//% if SUMS
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
//% end
//% if SUMS == 1
@group(0) @binding(5) var<storage, read> sums: array<vec4f>;
//% end
//% if SUMS == 2
@group(0) @binding(5) var<storage, read> grad_gamma: array<vec4f>;
@group(0) @binding(6) var<storage, read> grad_beta: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn normalize_grad_input(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let n = i % C4;
  let row = i / C4;
  let m = moments(replica, row, n);
  let g = gamma[replica * G_STRIDE + n];
  let d = dy[replica * DY_STRIDE + i];
//% if SUMS
  let v = (x[replica * X_STRIDE + i] - m.mean) * m.inverse;
//% end
//% if SUMS == 0
  let result = m.inverse * (g * d);
//% end
//% if SUMS == 1
  let first = replica * SUMS_STRIDE + row / ROWS * GROUPS;
//% if STATS == 1
  let s = sums[first + group_of(n * 4u)];
  let result = m.inverse * (g * d - s.x - v * s.y);
//% else
//% for q in 0..4
  let s${q} = sums[first + group_of(n * 4u + ${q}u)];
//% end
  let mean = vec4f(s0.x, s1.x, s2.x, s3.x);
  let result = m.inverse * (g * d - mean - v * vec4f(s0.y, s1.y, s2.y, s3.y));
//% end
//% end
//% if SUMS == 2
  let at = replica * SUMS_STRIDE + n;
  let result = m.inverse * g * (d - fma(v, grad_gamma[at], grad_beta[at]) / COUNT);
//% end
  dx[replica * DX_STRIDE + i] = select(vec4f(0.0), result, channels_within(n, 0u, C));
}
