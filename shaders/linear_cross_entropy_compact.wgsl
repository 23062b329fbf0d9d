// linear_cross_entropy_compact: linear_cross_entropy.wgsl, in as little code as linear_compact.wgsl
//
//   One score after another: exp of a number is a quarter of the code of exp of a vec4.
//
// Shapes     as in linear_cross_entropy.wgsl
// Grid       one invocation per row in a line; z: replica
// Reference  shared/engine/reference/training.ts; every sum in the order of every tile
// Tile       shared/engine/kernels/start-tiles.ts
// @include lib/operand.wgsl
// @include lib/finite.wgsl
//% if ADVANCE
// @include lib/control.wgsl
//% end

override M: u32;             // rows
override K: u32;             // classes
override F: u32;             // numbers in a row of x
override X_STRIDE: u32;      // numbers between replicas of x; 0: all read the same
override Y_STRIDE: u32;      // words between the replicas' labels
override W_STRIDE: u32;      // numbers between replicas of the parameters
//% if SMOOTH
override SMOOTHING: f32;     // e
//% end

@group(0) @binding(0) var<storage, read> x: array<f32>;                  // [R, M, F]
@group(0) @binding(1) var<storage, read> weight: array<f32>;             // [R, F, N]
@group(0) @binding(2) var<storage, read> labels: array<u32>;             // [R, M]
@group(0) @binding(3) var<storage, read_write> row_stats: array<vec4f>;  // [R, M]
@group(0) @binding(4) var<storage, read_write> grad_logits: array<f32>;  // [R, M, N]
//% if BIAS
@group(0) @binding(5) var<storage, read> bias: array<f32>;               // [R, N]
//% end
//% if ADVANCE
@group(0) @binding(${5 + BIAS}) var<storage, read_write> control: array<u32>;
//% end

const N = ${4*TN4}u;           // columns of the scores, padding included
const NO_LABEL = 0xffffffffu;  // a row past the end of the data: it counts for nothing

@compute @workgroup_size(64)
fn linear_cross_entropy_compact(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let replica = group.z;
  let row = (group.y * groups.x + group.x) * 64u + lane;
//% if ADVANCE
  if (row == 0u && replica == 0u) { control[CONTROL_STEP] = control[CONTROL_NEXT]; }
//% end
  if (row >= M) { return; }
  let label = labels[replica * Y_STRIDE + row];
  let x_at = replica * X_STRIDE + row * F;
  let w_at = replica * W_STRIDE;
  var scores: array<f32, N>;
  var sound = label < K;
  var top = 0.0;
  var best = 0u;
  var score = 0.0;
  for (var n = 0u; n < N; n++) {
    var v = 0.0;
    for (var k = 0u; k < F; k++) {
      v = fma(scalar_operand(x[x_at + k]), scalar_operand(weight[w_at + k * N + n]), v);
    }
//% if BIAS
    v += bias[w_at + n];
//% end
    scores[n] = v;
    sound = sound && finite1(v);
    if (n == 0u || (n < K && v > top)) {
      top = v;
      best = n;
    }
    score = select(score, v, n == label);
  }
  // Four sums of every fourth class, as the lanes of a vec4 are.
  var sums = vec4f(0.0);
//% if SMOOTH
  var centred = vec4f(0.0);
//% end
  for (var n = 0u; n < K; n++) {
    let v = scores[n] - top;
    let e = exp(v);
    scores[n] = e;
    let own = vec4u(n % 4u) == vec4u(0u, 1u, 2u, 3u);
    sums = select(sums, sums + e, own);
//% if SMOOTH
    centred = select(centred, centred + v, own);
//% end
  }
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  let nan = not_a_number(row);
//% if SMOOTH
  let mean = ((centred.x + centred.y) + (centred.z + centred.w)) / f32(K);
  let target_score = fma(SMOOTHING, mean - (score - top), score - top);
  let loss = select(nan, log(sum) - target_score, sound);
//% else
  let loss = select(nan, log(sum) - (score - top), sound);
//% end
  let counts = label != NO_LABEL;
  let stats = vec4f(loss, select(0.0, 1.0, best == label), 1.0, 0.0);
  row_stats[replica * M + row] = select(vec4f(0.0), stats, counts);
  let scale = 1.0 / f32(M);
  for (var n = 0u; n < N; n++) {
    let one_hot = select(0.0, 1.0, n == label);
//% if SMOOTH
    let wanted = fma(1.0 - SMOOTHING, one_hot, SMOOTHING / f32(K));
//% else
    let wanted = one_hot;
//% end
    let g = select(nan, (scores[n] / sum - wanted) * scale, sound);
    grad_logits[(replica * M + row) * N + n] = select(0.0, g, n < K && counts);
  }
}
