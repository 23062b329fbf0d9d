// transpose: y[.., n, m] = x[.., m, n]
//
// Shapes     x [R, OUTER, M, N_STORED], y [R, OUTER, N, M_STORED]
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/shape.ts; exact

override SIZE4: u32;      // vec4s of one replica of y
override Y_STRIDE: u32;   // vec4s between replicas of the result
override M: u32;
override N: u32;
override M4: u32;         // vec4s in a row of y
override N_STORED: u32;   // elements in a row of x
override X_STRIDE: u32;   // elements between replicas

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn transpose(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let m = i % M4 * 4u;
  let n = i / M4 % N;
  let base = replica * X_STRIDE + i / M4 / N * M * N_STORED + n;
  var v = vec4f(0.0);
//% for q in 0..4
  if (m + ${q}u < M) { v.${lane(q)} = x[base + (m + ${q}u) * N_STORED]; }
//% end
  y[replica * Y_STRIDE + i] = v;
}
