// blend: a seed's output s joins the host's output z
//
//   MODE 1 add       y = z + alpha s
//   MODE 2 replace   y = z + alpha (s - z)
//   MODE 3 multiply  y = z (1 + alpha tanh(s))
//   MODE 4 gate      y = z + alpha sigmoid(gate) s
//
// At alpha = 0 y is z bit for bit, whatever s holds.
//
// Shapes     z, s, y [R, B, ..], SIZE4 vec4s a replica; gate [R, B, 1], stored as one vec4 a row
// Grid       one invocation per vec4 in a line; z: replica
// Reference  shared/engine/reference/elementwise.ts; 1e-5 relative
// @include lib/control.wgsl

override SIZE4: u32;
override Z_STRIDE: u32;          // vec4s between replicas
override S_STRIDE: u32;
override GATE_STRIDE: u32 = 0u;
override Y_STRIDE: u32;
override ROW4: u32;              // vec4s in a row of the batch
override ALPHA: u32;             // column of the schedule

@group(0) @binding(0) var<storage, read> z: array<vec4f>;
@group(0) @binding(1) var<storage, read> s: array<vec4f>;
@group(0) @binding(2) var<storage, read> control: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
//% if MODE == 4
@group(0) @binding(4) var<storage, read> gate: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn blend(
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
  let host = z[replica * Z_STRIDE + i];
  let seed = s[replica * S_STRIDE + i];
//% if MODE == 1
  let v = fma(vec4f(alpha), seed, host);
//% end
//% if MODE == 2
  let v = fma(vec4f(alpha), seed - host, host);
//% end
//% if MODE == 3
  let v = fma(host, alpha * tanh(clamp(seed, vec4f(-15.0), vec4f(15.0))), host);
//% end
//% if MODE == 4
  let weight = alpha / (1.0 + exp(-gate[replica * GATE_STRIDE + i / ROW4].x));
  let v = fma(vec4f(weight), seed, host);
//% end
  y[replica * Y_STRIDE + i] = select(v, host, alpha == 0.0);
}
