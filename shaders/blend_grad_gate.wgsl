// blend_grad_gate: gradient of a gate blend with respect to the gate's logit
//
//   dgate[b] = alpha g (1 - g) sum over the row of dy s,  g = sigmoid(gate[b]); 0 at alpha = 0
//
// Shapes     dy, s [R, B, ..], ROW4 vec4s a row; gate, dgate [R, B, 1], stored as one vec4 a row
// Grid       LANES invocations a row: 1, rows in a line in workgroups of 64, or 64, one workgroup a
//            row, which then sums every 64th vec4 and ends with a tree. z: replica
// Reference  shared/engine/reference/elementwise.ts; 1e-5 relative
// @include lib/control.wgsl
//% if LANES == 64
// @include lib/reduce.wgsl
//% end

override ROWS: u32;         // B
override ROW4: u32;
override DY_STRIDE: u32;    // vec4s between replicas
override S_STRIDE: u32;
override GATE_STRIDE: u32;
override DGATE_STRIDE: u32;
override ALPHA: u32;        // column of the schedule

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> s: array<vec4f>;
@group(0) @binding(2) var<storage, read> control: array<u32>;
@group(0) @binding(3) var<storage, read> gate: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dgate: array<vec4f>;

@compute @workgroup_size(64)
fn blend_grad_gate(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let replica = group.z;
//% if LANES == 64
  let row = group.y * groups.x + group.x;
  let first = lane;
//% else
  let row = (group.y * groups.x + group.x) * 64u + lane;
  let first = 0u;
//% end
  var sum = vec4f(0.0);
  if (row < ROWS) {
    for (var i = first; i < ROW4; i += ${LANES}u) {
      let at = row * ROW4 + i;
      sum = fma(dy[replica * DY_STRIDE + at], s[replica * S_STRIDE + at], sum);
    }
  }
//% if LANES == 64
  sum = reduce_sum(sum, lane);
  let writes = lane == 0u && row < ROWS;
//% else
  let writes = row < ROWS;
//% end
  if (writes) {
    let alpha = bitcast<f32>(
      control[schedule_row(control[CONTROL_STEP], control[CONTROL_CHUNK_START], replica) + ALPHA],
    );
    let g = 1.0 / (1.0 + exp(-gate[replica * GATE_STRIDE + row].x));
    let v = alpha * g * (1.0 - g) * ((sum.x + sum.y) + (sum.z + sum.w));
    dgate[replica * DGATE_STRIDE + row] = vec4f(select(v, 0.0, alpha == 0.0), 0.0, 0.0, 0.0);
  }
}
