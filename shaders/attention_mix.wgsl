// attention_mix: y[b,t,h] = SCALE * sum over s of w[b,h,t,s] v[b,s,h]
//
// With TRANSPOSED, y[b,s,h] = SCALE * sum over t of w[b,h,t,s] v[b,t,h]. With CAUSAL, only pairs with
// s up to t count, whatever the others hold.
//
// Shapes     w [R, B, H, T, S]; v [R, B, S, H, D] and y [R, B, T, H, D], TRANSPOSED the other way
//            round; D a multiple of 4
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/attention.ts; sums run over the positions in order

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override T: u32;          // queries
override S: u32;          // keys
override STORED: u32;     // elements in a row of w
override H: u32;          // heads
override D4: u32;         // vec4s of a head
override SCALE: f32;
override W_STRIDE: u32;   // elements between replicas of w
override V_STRIDE: u32;   // vec4s between replicas of v

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn attention_mix(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let h = i / D4 % H;
  let place = i / D4 / H;
  var sum = vec4f(0.0);
//% if TRANSPOSED
  let s = place % S;
  let b = place / S;
  let w_base = replica * W_STRIDE + (b * H + h) * T * STORED + s;
  let v_base = replica * V_STRIDE + (b * T * H + h) * D4 + i % D4;
//% if CAUSAL
  let first = s;
//% else
  let first = 0u;
//% end
  for (var t = first; t < T; t++) {
    sum = fma(vec4f(w[w_base + t * STORED]), v[v_base + t * H * D4], sum);
  }
//% else
  let t = place % T;
  let b = place / T;
  let w_base = replica * W_STRIDE + ((b * H + h) * T + t) * STORED;
  let v_base = replica * V_STRIDE + (b * S * H + h) * D4 + i % D4;
//% if CAUSAL
  let last = t + 1u;
//% else
  let last = S;
//% end
  for (var s = 0u; s < last; s++) {
    sum = fma(vec4f(w[w_base + s]), v[v_base + s * H * D4], sum);
  }
//% end
  y[replica * Y_STRIDE + i] = SCALE * sum;
}
