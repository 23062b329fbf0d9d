// global_avg_pool_grad: dx[b,h,w,c] = dy[b,c] / (H W)
//
// Shapes     dy [R, B, C], dx [R, B, H, W, C]; PIXELS = H W
// Grid       one invocation per vec4 of dx in a line; z: replica
// Reference  shared/engine/reference/pool.ts; 1e-6 relative

override SIZE4: u32;     // vec4s of one replica of dx
override C4: u32;
override PIXELS: u32;
override DY_STRIDE: u32; // vec4s between replicas
override DX_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn global_avg_pool_grad(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let image = i / (PIXELS * C4);
  dx[replica * DX_STRIDE + i] = dy[replica * DY_STRIDE + image * C4 + i % C4] / f32(PIXELS);
}
