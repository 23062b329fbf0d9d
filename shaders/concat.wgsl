// concat: y = a, then b, along one axis
//
// Shapes     a [R, OUTER, LENGTH_A, INNER], b [R, OUTER, LENGTH_B, INNER], y [R, OUTER, LENGTH_Y,
//            INNER]; LENGTH_Y and the lengths a and b are stored with may be more: padding
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/shape.ts; exact

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override LENGTH_Y: u32;   // of the axis, as stored
override INNER: u32;      // elements behind one index of the axis, as stored
override LENGTH_A: u32;   // real lengths
override LENGTH_B: u32;
override STORED_A: u32;   // lengths as stored
override STORED_B: u32;
override A_STRIDE: u32;   // elements between replicas
override B_STRIDE: u32;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

fn element(replica: u32, at: u32) -> f32 {
  let index = at / INNER % LENGTH_Y;
  let outer = at / INNER / LENGTH_Y;
  if (index < LENGTH_A) {
    return a[replica * A_STRIDE + (outer * STORED_A + index) * INNER + at % INNER];
  }
  if (index < LENGTH_A + LENGTH_B) {
    return b[replica * B_STRIDE + (outer * STORED_B + index - LENGTH_A) * INNER + at % INNER];
  }
  return 0.0;
}

@compute @workgroup_size(64)
fn concat(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  var v = vec4f(0.0);
//% for q in 0..4
  v.${lane(q)} = element(replica, i * 4u + ${q}u);
//% end
  y[replica * Y_STRIDE + i] = v;
}
