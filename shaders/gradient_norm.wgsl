// gradient_norm: norm of all gradients and the factor that clips it
//
//   norm[0] = (n, min(1, clip / (n + 1e-6)), 0, 0),  n = sqrt(sum of partials)
//   norm[1] = (mean loss over valid rows, correct, valid, 0)  METRICS, for the optimizer to record
//
// Shapes     partial [R, PARTIALS], row_stats [R, B], norm [R, 1] or, METRICS, [R, 2]
// Grid       one invocation; z: replica
// Reference  shared/engine/reference/optimizer.ts; 1e-5 relative, four interleaved sums
//% if METRICS
// @include lib/metrics.wgsl
//% end

override PARTIALS: u32;
override CLIP: f32;  // largest norm; 0: no limit

@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<vec4f>;
//% if METRICS
@group(0) @binding(2) var<storage, read> row_stats: array<vec4f>;
//% end

@compute @workgroup_size(1)
fn gradient_norm(@builtin(workgroup_id) group: vec3u) {
  let replica = group.z;
  let base = replica * PARTIALS;
  var sum = vec4f(0.0);
  for (var i = 0u; i < PARTIALS; i += 4u) {
//% for q in 0..4
    if (i + ${q}u < PARTIALS) { sum.${lane(q)} += partial[base + i + ${q}u]; }
//% end
  }
  let n = sqrt((sum.x + sum.y) + (sum.z + sum.w));
  let factor = select(1.0, min(1.0, CLIP / (n + 1e-6)), CLIP > 0.0);
  norm[replica * ${1 + METRICS}u] = vec4f(n, factor, 0.0, 0.0);
//% if METRICS
  norm[replica * 2u + 1u] = metrics_of_rows(replica);
//% end
}
