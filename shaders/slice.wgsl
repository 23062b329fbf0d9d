// slice: y = x from START on along one axis
//
// Shapes     x [R, OUTER, LENGTH_X, INNER], y [R, OUTER, LENGTH_Y, INNER]; the first LENGTH of y are
//            real
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/shape.ts; exact

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override LENGTH_Y: u32;   // of the axis, as stored
override INNER: u32;      // elements behind one index of the axis, as stored
override LENGTH: u32;     // of the axis, without padding
override LENGTH_X: u32;   // of x's axis, as stored
override START: u32;
override X_STRIDE: u32;   // elements between replicas

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn slice(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  var v = vec4f(0.0);
//% for q in 0..4
  {
    let at = i * 4u + ${q}u;
    let index = at / INNER % LENGTH_Y;
    if (index < LENGTH) {
      let from_row = at / INNER / LENGTH_Y * LENGTH_X + START + index;
      v.${lane(q)} = x[replica * X_STRIDE + from_row * INNER + at % INNER];
    }
  }
//% end
  y[replica * Y_STRIDE + i] = v;
}
