// guard: y = 0 where alpha = 0, else x; a diverged seed cannot reach its host's gradients
//
// Shapes     x, y [R, ..], SIZE4 vec4s a replica
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; exact
// @include lib/control.wgsl

override SIZE4: u32;
override X_STRIDE: u32;  // vec4s between replicas
override Y_STRIDE: u32;
override ALPHA: u32;     // column of the schedule

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> control: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn guard(
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
  y[replica * Y_STRIDE + i] = select(x[replica * X_STRIDE + i], vec4f(0.0), alpha == 0.0);
}
