// mse: squared error of each row against its one-hot label, and its gradient
//
//   loss[b] = sum_k (v[b,k] - [k = label])^2 / K;  the mean over the rows is the loss
//   grad_logits[b,k] = 2 (v[b,k] - [k = label]) / (B K)
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

@group(0) @binding(0) var<storage, read> logits: array<vec4f>;             // [R, B, K]
@group(0) @binding(1) var<storage, read> labels: array<u32>;               // [R, B]
@group(0) @binding(2) var<storage, read_write> row_stats: array<vec4f>;    // [R, B]
@group(0) @binding(3) var<storage, read_write> grad_logits: array<vec4f>;  // [R, B, K]
//% if ADVANCE
@group(0) @binding(4) var<storage, read_write> control: array<u32>;
//% end

@compute @workgroup_size(64)
fn mse(
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
  let labelled = r.label != NO_LABEL;
  let nan = not_a_number(row);
  let scale = 2.0 / (f32(BATCH) * f32(K));
  var squares = vec4f(0.0);
  for (var n = 0u; n < K4; n++) {
    let real = real_classes(n);
    let d = select(vec4f(nan), logits[r.at + n] - one_hot(n, r.label), r.sound);
    squares += select(vec4f(0.0), d * d, real);
    grad_logits[r.out + n] = select(vec4f(0.0), d * scale, vec4<bool>(labelled) & real);
  }
  let loss = ((squares.x + squares.y) + (squares.z + squares.w)) / f32(K);
  let stats = vec4f(loss, select(0.0, 1.0, r.best == r.label), 1.0, 0.0);
  row_stats[replica * BATCH + row] = select(vec4f(0.0), stats, labelled);
}
