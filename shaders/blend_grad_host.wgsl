// blend_grad_host: gradient of a multiply blend with respect to the host's output
//
//   dz = dy (1 + alpha tanh(s)); exactly dy at alpha = 0
//
// Shapes     dy, s, dz [R, ..], SIZE4 vec4s a replica
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; 1e-5 relative
// @include lib/control.wgsl

override SIZE4: u32;
override DY_STRIDE: u32;  // vec4s between replicas
override S_STRIDE: u32;
override DZ_STRIDE: u32;
override ALPHA: u32;      // column of the schedule

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> s: array<vec4f>;
@group(0) @binding(2) var<storage, read> control: array<u32>;
@group(0) @binding(3) var<storage, read_write> dz: array<vec4f>;

@compute @workgroup_size(64)
fn blend_grad_host(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let alpha = bitcast<f32>(
    control[schedule_row(control[CONTROL_STEP], control[CONTROL_CHUNK_START], replica) + ALPHA],
  );
  let gradient = dy[replica * DY_STRIDE + i];
  let t = tanh(clamp(s[replica * S_STRIDE + i], vec4f(-15.0), vec4f(15.0)));
  dz[replica * DZ_STRIDE + i] = select(fma(gradient, alpha * t, gradient), gradient, alpha == 0.0);
}
