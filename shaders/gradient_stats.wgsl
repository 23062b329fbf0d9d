// gradient_stats: health of ranges of the gradient arena
//
//   stats[s] = (sum of squares, sum, count of numbers that are not finite, 0)
//
// Shapes     gradients [R, P]; segments [S, 2] u32: first vec4 and count of vec4s; stats [R, S, 4]
// Grid       LANES invocations a segment: 1, segments in a line of workgroups of 64; or 64, one
//            workgroup a segment, which sums every 64th vec4 and ends with a tree. z: replica
// Reference  shared/engine/reference/health.ts; 1e-5 relative
// @include lib/finite.wgsl
//% if LANES == 64
// @include lib/reduce.wgsl
//% end

override SEGMENTS: u32;        // S
override SEGMENT_WORDS: u32;   // words between segments
override S_STRIDE: u32;        // words between replicas of segments; 0: shared
override G_STRIDE: u32;        // vec4s between replicas of the gradients

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> segments: array<u32>;
@group(0) @binding(2) var<storage, read_write> stats: array<vec4f>;

@compute @workgroup_size(64)
fn gradient_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
//% if LANES == 64
  let segment = group.x;
  let first = lane;
//% else
  let segment = group.x * 64u + lane;
  let first = 0u;
  if (segment >= SEGMENTS) { return; }
//% end
  let at = replica * S_STRIDE + segment * SEGMENT_WORDS;
  let start = segments[at];
  let end = start + segments[at + 1u];
  var squares = vec4f(0.0);
  var sum = vec4f(0.0);
  var faults = vec4f(0.0);
  for (var i = start + first; i < end; i += ${LANES}u) {
    let g = gradients[replica * G_STRIDE + i];
    squares = fma(g, g, squares);
    sum += g;
    faults += select(vec4f(1.0), vec4f(0.0), finite4(g));
  }
  let one = vec4f(1.0);
  var total = vec4f(dot(squares, one), dot(sum, one), dot(faults, one), 0.0);
//% if LANES == 64
  total = reduce_sum(total, lane);
  if (lane == 0u) { stats[replica * SEGMENTS + segment] = total; }
//% else
  stats[replica * SEGMENTS + segment] = total;
//% end
}
