// activation_stats: health of an activation, per column over its rows
//
//   stats[0] = mean, stats[1] = population variance (second pass), stats[2] = largest |y|,
//   stats[3] = Pearson correlation with the next column; 0 for the last one and at a variance of 0
//
// A variance below the square of float32's resolution of the values counts as 0. More than
// 20,000 rows are sampled at an even distance: COUNT rows, SAMPLE apart.
//
// Shapes     y [R, rows, C], stats [R, 4, C]; C a multiple of 4
// Grid       LANES invocations per vec4 of columns: 1, in a line of workgroups of 64; or 64,
//            one workgroup a vec4, which sums every 64th row and ends with a tree. z: replica
// Reference  shared/engine/reference/health.ts; 1e-5 relative
//% if LANES == 64
// @include lib/reduce.wgsl
//% end

override C4: u32;        // vec4s in a row
override C: u32;         // columns without padding
override COUNT: u32;     // rows looked at
override SAMPLE: u32;    // distance between them
override Y_STRIDE: u32;  // vec4s between replicas

const RESOLUTION = 2.4e-7;

@group(0) @binding(0) var<storage, read> y: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> stats: array<vec4f>;

@compute @workgroup_size(64)
fn activation_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let replica = group.z;
//% if LANES == 64
  let index = group.y * groups.x + group.x;
  let first = lane;
//% else
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let first = 0u;
//% end
  let n = min(index, C4 - 1u);
  let next = min(index + 1u, C4 - 1u);
  let base = replica * Y_STRIDE;
  var sum = vec4f(0.0);
  var sum_next = vec4f(0.0);
  var largest = vec4f(0.0);
  for (var i = first; i < COUNT; i += ${LANES}u) {
    let row = base + i * SAMPLE * C4;
    let v = y[row + n];
    sum += v;
    sum_next.x += y[row + next].x;
    largest = max(largest, abs(v));
  }
//% if LANES == 64
  sum = reduce_sum(sum, lane);
  sum_next = reduce_sum(sum_next, lane);
  largest = reduce_max(largest, lane);
//% end
  let mean = sum / f32(COUNT);
  let mean_next = sum_next.x / f32(COUNT);
  var squares = vec4f(0.0);
  var products = vec4f(0.0);
  var squares_next = vec4f(0.0);
  for (var i = first; i < COUNT; i += ${LANES}u) {
    let row = base + i * SAMPLE * C4;
    let d = y[row + n] - mean;
    let d_next = y[row + next].x - mean_next;
    squares = fma(d, d, squares);
    products = fma(d, vec4f(d.yzw, d_next), products);
    squares_next.x = fma(d_next, d_next, squares_next.x);
  }
//% if LANES == 64
  squares = reduce_sum(squares, lane);
  products = reduce_sum(products, lane);
  squares_next = reduce_sum(squares_next, lane);
//% end
  let variance = squares / f32(COUNT);
  let variance_next = vec4f(variance.yzw, squares_next.x / f32(COUNT));
  let floor = RESOLUTION * RESOLUTION * largest * largest;
  let floor_next = vec4f(floor.yzw, RESOLUTION * RESOLUTION * mean_next * mean_next);
  let spread = sqrt(variance) * sqrt(variance_next);
  let column = vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u);
  let flat = (variance <= floor) | (variance_next <= floor_next);
  let correlation = products / f32(COUNT) / select(spread, vec4f(1.0), flat);
//% if LANES == 64
  let writes = lane == 0u && index < C4;
//% else
  let writes = index < C4;
//% end
  if (writes) {
    let out = replica * 4u * C4 + n;
    stats[out] = mean;
    stats[out + C4] = select(variance, vec4f(0.0), variance <= floor);
    stats[out + 2u * C4] = largest;
    let unpaired = flat | (column + 1u >= vec4u(C));
    stats[out + 3u * C4] = select(correlation, vec4f(0.0), unpaired);
  }
}
