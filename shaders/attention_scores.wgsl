// attention_scores: scores[b,h,t,s] = SCALE * q[b,t,h] . k[b,s,h]
//
// With CAUSAL, keys after the query (s > t) give 0 whatever they hold.
//
// Shapes     q [R, B, T, H, D], k [R, B, S, H, D], scores [R, B, H, T, S]; D a multiple of 4
// Grid       one invocation per vec4 of scores in a line; z: replica
// Reference  shared/engine/reference/attention.ts; sums run over the channels by vec4
// Source     Vaswani et al. 2017, arXiv:1706.03762
// @include lib/group_channels.wgsl

override SIZE4: u32;      // vec4s of one replica of scores
override Y_STRIDE: u32;   // vec4s between replicas of the result
override T: u32;          // queries
override S: u32;          // keys
override S4: u32;         // vec4s in a row of scores
override H: u32;          // heads
override D4: u32;         // vec4s of a head
override SCALE: f32;
override Q_STRIDE: u32;   // vec4s between replicas
override K_STRIDE: u32;

@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> scores: array<vec4f>;

@compute @workgroup_size(64)
fn attention_scores(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let n = i % S4;
  let t = i / S4 % T;
  let h = i / S4 / T % H;
  let b = i / S4 / T / H;
//% if CAUSAL
  let seen = t + 1u;
//% else
  let seen = S;
//% end
  var result = vec4f(0.0);
  if (n * 4u < seen) {
    let q_row = replica * Q_STRIDE + ((b * T + t) * H + h) * D4;
    // Lanes beyond the last key read it and are not stored.
//% for l in 0..4
    let k${l} = replica * K_STRIDE + ((b * S + min(n * 4u + ${l}u, S - 1u)) * H + h) * D4;
    var s${l} = vec4f(0.0);
//% end
    for (var d = 0u; d < D4; d++) {
      let v = q[q_row + d];
//% for l in 0..4
      s${l} = fma(v, k[k${l} + d], s${l});
//% end
    }
    let dots = SCALE * vec4f(sum4(s0), sum4(s1), sum4(s2), sum4(s3));
    result = select(vec4f(0.0), dots, channels_within(n, 0u, seen));
  }
  scores[replica * Y_STRIDE + i] = result;
}
