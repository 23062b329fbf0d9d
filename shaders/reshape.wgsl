// reshape: the elements of x, in order, as rows of another length
//
// Shapes     x [R, ROWS_X, LAST_X], y [R, ROWS_Y, LAST_Y] with as many elements; rows are stored in
//            STORED_X and STORED_Y numbers
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/shape.ts; exact

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override LAST_X: u32;
override LAST_Y: u32;
override STORED_X: u32;
override STORED_Y: u32;
override X_STRIDE: u32;   // elements between replicas

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn reshape(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let row = i * 4u / STORED_Y;
  let column = i * 4u % STORED_Y;
  var v = vec4f(0.0);
//% for q in 0..4
  if (column + ${q}u < LAST_Y) {
    let at = row * LAST_Y + column + ${q}u;
    v.${lane(q)} = x[replica * X_STRIDE + at / LAST_X * STORED_X + at % LAST_X];
  }
//% end
  y[replica * Y_STRIDE + i] = v;
}
