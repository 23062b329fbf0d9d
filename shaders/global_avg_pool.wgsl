// global_avg_pool: y[b,c] = mean of x[b,h,w,c] over the pixels
//
// Shapes     x [R, B, H, W, C], y [R, B, C]; PIXELS = H W
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/pool.ts; 1e-6 relative, sums run over the pixels in order

override SIZE4: u32;     // vec4s of one replica of y
override C4: u32;
override PIXELS: u32;
override X_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn global_avg_pool(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let base = replica * X_STRIDE + i / C4 * PIXELS * C4 + i % C4;
  var sum = vec4f(0.0);
  for (var p = 0u; p < PIXELS; p++) {
    sum += x[base + p * C4];
  }
  y[replica * Y_STRIDE + i] = sum / f32(PIXELS);
}
