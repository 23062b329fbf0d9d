// avg_pool: y[b,oy,ox,c] = mean of x over the window of SIZE x SIZE cells at (oy, ox) * STRIDE
//
// Shapes     x [R, B, H, W, C], y [R, B, OH, OW, C]; every window lies inside the image
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/pool.ts; 1e-6 relative

override SIZE4: u32;     // vec4s of one replica of y
override H: u32;
override W: u32;
override C4: u32;
override OH: u32;
override OW: u32;
override SIZE: u32;      // cells of the window in y and in x
override STRIDE: u32;
override X_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn avg_pool(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let c = i % C4;
  let ox = i / C4 % OW;
  let oy = i / (C4 * OW) % OH;
  let image = i / (C4 * OW * OH);
  let corner = replica * X_STRIDE + ((image * H + oy * STRIDE) * W + ox * STRIDE) * C4 + c;
  var sum = vec4f(0.0);
  for (var ky = 0u; ky < SIZE; ky++) {
    for (var kx = 0u; kx < SIZE; kx++) {
      sum += x[corner + (ky * W + kx) * C4];
    }
  }
  y[replica * Y_STRIDE + i] = sum / f32(SIZE * SIZE);
}
