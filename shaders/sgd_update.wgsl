// sgd_update: one step of SGD with momentum over the whole parameter arena, and the step's metrics
//
//   g = clip * gradient + wd * p;  m = momentum m + g
//   p -= lr * m, or with NESTEROV p -= lr * (g + momentum m)
//
// A vec4 whose gradient or result is not finite is left as it is, and the step is noted in the fault
// word; so is every one when the norm is not finite.
//
// Shapes     parameters, gradients, moment1 [R, P]; groups [P / 64] u32; metrics [chunk, R]
// Grid       four invocations per 64 parameters in a line, behind one workgroup for the metrics;
//            z: replica
// Reference  shared/engine/reference/optimizer.ts; 1e-5 relative
// Source     Sutskever et al. 2013, "On the importance of initialization and momentum"
// @include lib/optimizer.wgsl

override P4: u32;        // vec4s of one replica
override MOMENTUM: f32;

@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> moment1: array<vec4f>;
@group(0) @binding(3) var<storage, read> parameter_groups: array<u32>;
@group(0) @binding(4) var<storage, read_write> control: Control;
@group(0) @binding(5) var<storage, read_write> metrics: array<vec4f>;
//% if NORM
@group(0) @binding(6) var<storage, read> norm: array<vec4f>;
//% else
@group(0) @binding(6) var<storage, read> row_stats: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn sgd_update(
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
  for (var k = 0u; k < 4u; k++) {
    let at = replica * P4 + section * 16u + k * 4u + index % 4u;
    var g = gradients[at];
//% if NORM
    let sound = finite1(measured.x) && all(finite4(g));
    g *= measured.y;
//% else
    let sound = all(finite4(g));
//% end
    if (!sound) {
      report_fault();
      continue;
    }
    let p = parameters[at];
    g = fma(vec4f(s.w), p, g);
    let m = fma(vec4f(MOMENTUM), moment1[at], g);
//% if NESTEROV
    let next = p - s.x * fma(vec4f(MOMENTUM), m, g);
//% else
    let next = p - s.x * m;
//% end
    if (!(all(finite4(m)) && all(finite4(next)))) {
      report_fault();
      continue;
    }
    moment1[at] = m;
    parameters[at] = next;
  }
}
