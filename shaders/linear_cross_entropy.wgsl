// linear_cross_entropy: softmax cross-entropy of v = x @ weight + bias, and its gradient
//
//   v[b,k], loss[b] and grad_logits[b,k] as linear.wgsl and softmax_cross_entropy.wgsl define them, SMOOTH
//   included; the scores of a row stay in registers
//
// Shapes     x [R, M, F], weight [R, F, N], bias [R, N], labels [R, M] u32; row_stats [R, M] and
//            grad_logits [R, M, N] as in softmax_cross_entropy.wgsl; F, N multiples of 4
//            ADVANCE: control[STEP] = control[NEXT], in plans that gather no batch
// Grid       one invocation per TM rows, all TN4 vec4 columns, in a line; z: replica
// Reference  shared/engine/reference/training.ts; every sum in the order of the two kernels
// Tile       shared/engine/kernels/tiles.ts. No tile changes the order of any sum
// @include lib/operand.wgsl
// @include lib/finite.wgsl
//% if ADVANCE
// @include lib/control.wgsl
//% end

override WX: u32 = 1u;
override WY: u32 = 8u;
override M: u32;             // rows
override K: u32;             // classes
override F4: u32;            // vec4s in a row of x
override X_STRIDE: u32;      // vec4s between replicas of x; 0: all read the same
override Y_STRIDE: u32;      // words between the replicas' labels
override W_STRIDE: u32;      // vec4s between replicas of the parameters
//% if SMOOTH
override SMOOTHING: f32;     // e
//% end

@group(0) @binding(0) var<storage, read> x: array<vec4f>;                  // [R, M, F]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;             // [R, F, N]
@group(0) @binding(2) var<storage, read> labels: array<u32>;               // [R, M]
@group(0) @binding(3) var<storage, read_write> row_stats: array<vec4f>;    // [R, M]
@group(0) @binding(4) var<storage, read_write> grad_logits: array<vec4f>;  // [R, M, N]
//% if BIAS
@group(0) @binding(5) var<storage, read> bias: array<vec4f>;               // [R, N]
//% end
//% if ADVANCE
@group(0) @binding(${5 + BIAS}) var<storage, read_write> control: array<u32>;
//% end

const NO_LABEL = 0xffffffffu;  // a row past the end of the data: it counts for nothing

// Loss and gradient of one row from its scores.
fn finish_row(
  row: u32,
  replica: u32,
//% for n in 0..TN4
  v${n}: vec4f,
//% end
) {
  let out = (replica * M + row) * ${TN4}u;
  let label = labels[replica * Y_STRIDE + row];
  if (label == NO_LABEL) {
    row_stats[replica * M + row] = vec4f(0.0);
//% for n in 0..TN4
    grad_logits[out + ${n}u] = vec4f(0.0);
//% end
    return;
  }
  var top = v0.x;
  var best = 0u;
  var sound = label < K;
//% for n in 0..TN4
  let real${n} = vec4u(${4*n}u) + vec4u(0u, 1u, 2u, 3u) < vec4u(K);
  let own${n} = vec4u(${4*n}u) + vec4u(0u, 1u, 2u, 3u) == vec4u(label);
  sound = sound && all(finite4(v${n}));
//% for q in 0..4
  if (${4*n+q}u < K && v${n}.${lane(q)} > top) {
    top = v${n}.${lane(q)};
    best = ${4*n+q}u;
  }
//% end
//% end
  var sums = vec4f(0.0);
  var score = 0.0;
//% if SMOOTH
  var centred = vec4f(0.0);
//% end
//% for n in 0..TN4
  let e${n} = exp(v${n} - top);
  sums += select(vec4f(0.0), e${n}, real${n});
//% if SMOOTH
  centred += select(vec4f(0.0), v${n} - top, real${n});
//% end
//% for q in 0..4
  score = select(score, v${n}.${lane(q)}, own${n}.${lane(q)});
//% end
//% end
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  let nan = not_a_number(row);
//% if SMOOTH
  let mean = ((centred.x + centred.y) + (centred.z + centred.w)) / f32(K);
  let target_score = fma(SMOOTHING, mean - (score - top), score - top);
  let loss = select(nan, log(sum) - target_score, sound);
//% else
  let loss = select(nan, log(sum) - (score - top), sound);
//% end
  row_stats[replica * M + row] = vec4f(loss, select(0.0, 1.0, best == label), 1.0, 0.0);
  let scale = 1.0 / f32(M);
//% for n in 0..TN4
  {
    let one_hot = select(vec4f(0.0), vec4f(1.0), own${n});
//% if SMOOTH
    let wanted = fma(vec4f(1.0 - SMOOTHING), one_hot, vec4f(SMOOTHING / f32(K)));
//% else
    let wanted = one_hot;
//% end
    let g = select(vec4f(nan), (e${n} / sum - wanted) * scale, sound);
    grad_logits[out + ${n}u] = select(vec4f(0.0), g, real${n});
  }
//% end
}

@compute @workgroup_size(WX, WY)
fn linear_cross_entropy(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  let row = (group.y * WY + local.y) * ${TM}u;
  let w_base = replica * W_STRIDE;
//% if ADVANCE
  if (row == 0u && replica == 0u) { control[CONTROL_STEP] = control[CONTROL_NEXT]; }
//% end
  // Rows beyond the edge read the last valid one and are not stored.
//% for i in 0..TM
  let x${i} = replica * X_STRIDE + min(row + ${i}u, M - 1u) * F4;
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  for (var k = 0u; k < F4; k++) {
//% for i in 0..TM
    let a${i} = operand(x[x${i} + k]);
//% end
//% for q in 0..4
    {
//% for j in 0..TN4
      let b${j} = operand(weight[w_base + (k * 4u + ${q}u) * ${TN4}u + ${j}u]);
//% end
//% for i in 0..TM
//% for j in 0..TN4
      s${i}_${j} = fma(vec4f(a${i}.${lane(q)}), b${j}, s${i}_${j});
//% end
//% end
    }
//% end
  }
//% if BIAS
//% for j in 0..TN4
  let bias${j} = bias[w_base + ${j}u];
//% for i in 0..TM
  s${i}_${j} += bias${j};
//% end
//% end
//% end
//% if LOOPED
  // As in lib/linear_epilogue.wgsl.
  var sums = array<vec4f, ${TM*TN4}>(
//% for i in 0..TM
//% for j in 0..TN4
    s${i}_${j},
//% end
//% end
  );
  for (var i = 0u; i < ${TM}u; i++) {
    if (row + i < M) {
      finish_row(
        row + i,
        replica,
//% for j in 0..TN4
        sums[i * ${TN4}u + ${j}u],
//% end
      );
    }
  }
//% else
//% for i in 0..TM
  if (row + ${i}u < M) {
    finish_row(
      row + ${i}u,
      replica,
//% for j in 0..TN4
      s${i}_${j},
//% end
    );
  }
//% end
//% end
}
