// sum_parts: y = act(blend(sum of partial + bias)), or dx = (sum of partial) * f'(saved): what follows
// linear and linear_grad_input where their sums are in PARTS parts
//
// Shapes     partial [R, PARTS, M, N], bias [R, N], z, saved, y [R, M, N]; N a multiple of 4; SIZE4 vec4s
//            in [M, N]
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/dense.ts sum_parts; sums run over the parts in order
// @include lib/control.wgsl
// @include lib/activation.wgsl

override SIZE4: u32;
override N4: u32;        // vec4s in a row of y
override N: u32;         // columns of y without padding
override PARTS: u32;
override W_STRIDE: u32;  // vec4s between replicas of the parameters
override ALPHA: u32 = 0u;

@group(0) @binding(0) var<storage, read> partial: array<vec4f>; // [R, PARTS, M, N]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [R, M, N]
//% if BIAS
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;    // [R, N]
//% end
//% if BLEND
@group(0) @binding(${2 + BIAS}) var<storage, read> z: array<vec4f>; // [R, M, N]
@group(0) @binding(${3 + BIAS}) var<storage, read> control: array<u32>;
//% end
//% if SLOPE
@group(0) @binding(2) var<storage, read> saved: array<vec4f>;   // [R, M, N]
//% end

@compute @workgroup_size(64)
fn sum_parts(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let n = i % N4;
  let at = replica * SIZE4 + i;
  var v = vec4f(0.0);
  for (var part = 0u; part < PARTS; part++) {
    v += partial[(replica * PARTS + part) * SIZE4 + i];
  }
//% if BIAS
  v += bias[replica * W_STRIDE + n];
//% end
//% if BLEND
  let alpha = bitcast<f32>(
    control[schedule_row(control[CONTROL_STEP], control[CONTROL_CHUNK_START], replica) + ALPHA],
  );
  let host = z[at];
//% end
//% if BLEND == 1
  v = select(fma(vec4f(alpha), v, host), host, alpha == 0.0);
//% end
//% if BLEND == 2
  v = select(fma(vec4f(alpha), v - host, host), host, alpha == 0.0);
//% end
  v = activate(v);
//% if ACT == 3
  // sigmoid(0) is not 0: keep the padding zero.
  v = select(vec4f(0.0), v, vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(N));
//% end
//% if SLOPE
  v *= activation_slope(saved[at]);
//% end
  y[at] = v;
}
