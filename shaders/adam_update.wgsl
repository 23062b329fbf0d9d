// adam_update: one step of Adam or AdamW over the whole parameter arena, and the step's metrics
//
//   g = clip * gradient;  Adam: g += wd * p;  AdamW (DECOUPLED): p -= lr * wd * p
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= lr * (m * c1) / (sqrt(v * c2) + epsilon)
//   with lr, c1, c2 and wd of the parameter's group at this step
//
// A vec4 whose gradient or result is not finite is left as it is, and the step is noted in the fault
// word; so is every one when the norm is not finite.
//
// Shapes     parameters, gradients, moment1, moment2 [R, P]; groups [P / 64] u32;
//            metrics [chunk, R]
// Grid       four invocations per 64 parameters in a line, behind one workgroup for the metrics;
//            z: replica
// Reference  shared/engine/reference/optimizer.ts; 1e-5 relative
// Source     Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101
// @include lib/optimizer.wgsl

override P4: u32;        // vec4s of one replica
override BETA1: f32;
override BETA2: f32;
override KEEP1: f32;     // 1 - beta1, from double precision
override KEEP2: f32;
override EPSILON: f32;

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> moment2: array<vec4f>;
@group(0) @binding(4) var<storage, read> parameter_groups: array<u32>;
@group(0) @binding(5) var<storage, read_write> control: Control;
@group(0) @binding(6) var<storage, read_write> metrics: array<vec4f>;
//% if NORM
@group(0) @binding(7) var<storage, read> norm: array<vec4f>;
//% else
@group(0) @binding(7) var<storage, read> row_stats: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn adam_update(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let replica = group.z;
  let block = group.y * groups.x + group.x;
  if (block == 0u) {
    if (lane == 0u) { record_step(replica); }
    return;
  }
  // Each invocation takes every fourth vec4 of 64 parameters: they share a group.
  let index = (block - 1u) * 64u + lane;
  let section = index / 4u;
  if (section * 16u >= P4) { return; }
  let s = group_schedule(parameter_groups[section], replica);
//% if NORM
  let measured = norm[replica * 2u];
//% end
  var faulty = false;
  for (var k = 0u; k < 4u; k++) {
    let at = replica * P4 + section * 16u + k * 4u + index % 4u;
    var g = gradients[at];
//% if NORM
    g *= measured.y;
//% end
    var p = parameters[at];
//% if DECOUPLED
    p -= s.x * s.w * p;
//% else
    g = fma(vec4f(s.w), p, g);
//% end
    let m = fma(vec4f(BETA1), moment1[at], KEEP1 * g);
    let v = fma(vec4f(BETA2), moment2[at], KEEP2 * (g * g));
    let next = p - s.x * (m * s.y) / (sqrt(v * s.z) + EPSILON);
    // Whatever is wrong with the gradient or m is wrong with v or the result too. An infinite v alone
    // would hold its parameter still for ever.
    var sound = finite4(v) & finite4(next);
//% if NORM
    sound &= vec4<bool>(finite1(measured.x));
//% end
    if (all(sound)) {
      moment1[at] = m;
      moment2[at] = v;
      parameters[at] = next;
    } else {
      faulty = true;
    }
  }
  if (faulty) { report_fault(); }
}
