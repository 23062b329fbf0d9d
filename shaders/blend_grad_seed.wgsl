// blend_grad_seed: gradient of a blend with respect to the seed's output
//
//   MODE 3 multiply  ds = dy alpha z (1 - tanh(s)^2)
//   MODE 4 gate      ds = dy alpha sigmoid(gate)
//
// Shapes     dy, z, s, ds [R, B, ..], SIZE4 vec4s a replica; gate [R, B, 1], one vec4 a row.
//            z and s are bound for MODE 3, gate for MODE 4
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; 1e-5 relative, exactly 0 at alpha = 0
// @include lib/control.wgsl

override SIZE4: u32;
override DY_STRIDE: u32;         // vec4s between replicas
override Z_STRIDE: u32 = 0u;
override S_STRIDE: u32 = 0u;
override GATE_STRIDE: u32 = 0u;
override DS_STRIDE: u32;
override ROW4: u32 = 1u;         // vec4s in a row of the batch
override ALPHA: u32;             // column of the schedule

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> control: array<u32>;
@group(0) @binding(2) var<storage, read_write> ds: array<vec4f>;
//% if MODE == 3
@group(0) @binding(3) var<storage, read> z: array<vec4f>;
@group(0) @binding(4) var<storage, read> s: array<vec4f>;
//% else
@group(0) @binding(3) var<storage, read> gate: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn blend_grad_seed(
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
//% if MODE == 3
  let t = tanh(clamp(s[replica * S_STRIDE + i], vec4f(-15.0), vec4f(15.0)));
  let v = gradient * (alpha * z[replica * Z_STRIDE + i] * (1.0 - t * t));
//% else
  let v = gradient * (alpha / (1.0 + exp(-gate[replica * GATE_STRIDE + i / ROW4].x)));
//% end
  ds[replica * DS_STRIDE + i] = select(v, vec4f(0.0), alpha == 0.0);
}
