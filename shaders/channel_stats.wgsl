// channel_stats: mean of each channel, and sum of squares around it, in each part of the rows
//
// Shapes     x [R, ROWS, C], partial [R, PARTS, 2, C]: means, then sums of squares; part p holds rows
//            p CHUNK to (p + 1) CHUNK, the last ones may be short or empty
// Grid       one invocation per part and vec4 of channels in a line; z: replica
// Reference  shared/engine/reference/norm.ts; sums run over the rows in order
// Source     Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance"

override ROWS: u32;
override C4: u32;
override PARTS: u32;
override CHUNK: u32;     // rows of a part
override X_STRIDE: u32;  // vec4s between replicas

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(64)
fn channel_stats(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let item = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (item >= PARTS * C4) { return; }
  let part = item / C4;
  let n = item % C4;
  let base = replica * X_STRIDE + n;
  let last = min((part + 1u) * CHUNK, ROWS);
  let first = min(part * CHUNK, last);
  var sum = vec4f(0.0);
  for (var row = first; row < last; row++) { sum += x[base + row * C4]; }
  let mean = sum / f32(max(last - first, 1u));
  var squares = vec4f(0.0);
  for (var row = first; row < last; row++) {
    let d = x[base + row * C4] - mean;
    squares = fma(d, d, squares);
  }
  let at = (replica * PARTS + part) * 2u * C4 + n;
  partial[at] = mean;
  partial[at + C4] = squares;
}
