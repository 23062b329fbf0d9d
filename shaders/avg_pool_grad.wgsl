// avg_pool_grad: dx[cell] = sum of dy over the windows that hold the cell, / SIZE^2
//
// Shapes     dy [R, B, OH, OW, C], dx [R, B, H, W, C]
// Grid       one invocation per vec4 of dx in a line; z: replica
// Reference  shared/engine/reference/pool.ts; 1e-6 relative

override SIZE4: u32;     // vec4s of one replica of dx
override H: u32;
override W: u32;
override C4: u32;
override OH: u32;
override OW: u32;
override SIZE: u32;      // cells of the window in y and in x
override STRIDE: u32;
override DY_STRIDE: u32; // vec4s between replicas
override DX_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn avg_pool_grad(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let c = i % C4;
  let ix = i / C4 % W;
  let iy = i / (C4 * W) % H;
  let image = i / (C4 * W * H);
  // Outputs whose window holds the cell.
  let oy_end = min(iy / STRIDE + 1u, OH);
  let oy_start = select(0u, (iy - SIZE) / STRIDE + 1u, iy >= SIZE);
  let ox_end = min(ix / STRIDE + 1u, OW);
  let ox_start = select(0u, (ix - SIZE) / STRIDE + 1u, ix >= SIZE);
  var sum = vec4f(0.0);
  for (var oy = oy_start; oy < oy_end; oy++) {
    for (var ox = ox_start; ox < ox_end; ox++) {
      sum += dy[replica * DY_STRIDE + ((image * OH + oy) * OW + ox) * C4 + c];
    }
  }
  dx[replica * DX_STRIDE + i] = sum / f32(SIZE * SIZE);
}
