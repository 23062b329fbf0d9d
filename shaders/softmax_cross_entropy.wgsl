// softmax_cross_entropy: loss of each row and its gradient
//
//   loss[b] = log(sum_k exp(v[b,k] - top)) - (v[b,label] - top),  top = max_k v[b,k]
//   grad_logits[b,k] = (softmax(v[b])[k] - [k = label]) / B
//   SMOOTH: v[b,label] becomes (1 - e) v[b,label] + e mean(v[b]), likewise [k = label] and e / K
//
// Shapes     logits, grad_logits [R, B, K]; labels [R, B] u32; row_stats [R, B] = (loss, correct,
//            valid, 0): correct is 1 where the first largest score is the label's, valid is 1 for a
//            row with a label. Label 0xffffffff: all zero. A score that is not finite, or a label
//            that is no class: loss and gradient NaN
//            ADVANCE: control[STEP] = control[NEXT], in plans that gather no batch
// Grid       one invocation a row, in a line; z: replica
// Reference  shared/engine/reference/training.ts; 1e-5 relative
// @include lib/class_row.wgsl
//% if ADVANCE
// @include lib/control.wgsl
//% end

//% if SMOOTH
override SMOOTHING: f32;  // e

//% end
@group(0) @binding(0) var<storage, read> logits: array<vec4f>;             // [R, B, K]
@group(0) @binding(1) var<storage, read> labels: array<u32>;               // [R, B]
@group(0) @binding(2) var<storage, read_write> row_stats: array<vec4f>;    // [R, B]
@group(0) @binding(3) var<storage, read_write> grad_logits: array<vec4f>;  // [R, B, K]
//% if ADVANCE
@group(0) @binding(4) var<storage, read_write> control: array<u32>;
//% end

@compute @workgroup_size(64)
fn softmax_cross_entropy(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let row = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
//% if ADVANCE
  if (row == 0u && replica == 0u) { control[CONTROL_STEP] = control[CONTROL_NEXT]; }
//% end
  if (row >= BATCH) { return; }
  let r = class_row(row, replica);
  if (r.label == NO_LABEL) {
    row_stats[replica * BATCH + row] = vec4f(0.0);
    for (var n = 0u; n < K4; n++) { grad_logits[r.out + n] = vec4f(0.0); }
    return;
  }
  var sums = vec4f(0.0);
//% if SMOOTH
  var centred = vec4f(0.0);
//% end
  for (var n = 0u; n < K4; n++) {
    sums += select(vec4f(0.0), exp(logits[r.at + n] - r.top), real_classes(n));
//% if SMOOTH
    centred += select(vec4f(0.0), logits[r.at + n] - r.top, real_classes(n));
//% end
  }
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  let nan = not_a_number(row);
  let label = min(r.label, K - 1u);
  let score = logits[r.at + label / 4u][label % 4u];
//% if SMOOTH
  let mean = ((centred.x + centred.y) + (centred.z + centred.w)) / f32(K);
  let target_score = fma(SMOOTHING, mean - (score - r.top), score - r.top);
  let loss = select(nan, log(sum) - target_score, r.sound);
//% else
  let loss = select(nan, log(sum) - (score - r.top), r.sound);
//% end
  row_stats[replica * BATCH + row] = vec4f(loss, select(0.0, 1.0, r.best == r.label), 1.0, 0.0);
  let scale = 1.0 / f32(BATCH);
  for (var n = 0u; n < K4; n++) {
    let p = exp(logits[r.at + n] - r.top) / sum;
//% if SMOOTH
    let wanted = fma(vec4f(1.0 - SMOOTHING), one_hot(n, label), vec4f(SMOOTHING / f32(K)));
    let g = select(vec4f(nan), (p - wanted) * scale, r.sound);
//% else
    let g = select(vec4f(nan), (p - one_hot(n, label)) * scale, r.sound);
//% end
    grad_logits[r.out + n] = select(vec4f(0.0), g, real_classes(n));
  }
}
