// mix_losses: the weighted sum of two losses of the same rows
//
//   rows[b] = (A rows_a.loss + B rows_b.loss, correct, valid, 0);  grad = A grad_a + B grad_b
//
// Shapes     rows [R, ROWS], grad [R, SIZE4] vec4s
// Grid       one invocation per vec4 of the gradient or row, in a line; z: replica
// Reference  shared/engine/reference/micro-batches.ts; one fused multiply-add a number

override ROWS: u32;
override SIZE4: u32;  // vec4s of one replica's gradient
override A: f32;
override B: f32;

@group(0) @binding(0) var<storage, read> rows_a: array<vec4f>;
@group(0) @binding(1) var<storage, read> grad_a: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows_b: array<vec4f>;
@group(0) @binding(3) var<storage, read> grad_b: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> grad: array<vec4f>;

@compute @workgroup_size(64)
fn mix_losses(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i < ROWS) {
    let at = group.z * ROWS + i;
    let own = rows_a[at];
    rows[at] = vec4f(fma(B, rows_b[at].x, A * own.x), own.y, own.z, 0.0);
  }
  if (i < SIZE4) {
    let at = group.z * SIZE4 + i;
    grad[at] = fma(vec4f(B), grad_b[at], A * grad_a[at]);
  }
}
