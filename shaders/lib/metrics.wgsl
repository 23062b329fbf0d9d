// The numbers of one step over its rows. The file that includes this declares
// `row_stats: array<vec4f>` [R, B] = (loss, correct, valid, 0), as the loss kernels write it.

override BATCH: u32;

// (mean loss over the valid rows, correct rows, valid rows, 0); without a valid row the loss means
// nothing. By one invocation: a barrier here would make one CPU renderer run the whole optimizer ten
// times slower. Eight sums, of every eighth row each, keep as many loads in flight. LOOPED: one load
// in a loop, a third less of an optimizer to compile on CPU renderers.
fn metrics_of_rows(replica: u32) -> vec4f {
  let base = replica * BATCH;
//% if LOOPED
  var sums: array<vec4f, 8>;
  for (var row = 0u; row < BATCH; row++) { sums[row % 8u] += row_stats[base + row]; }
  let total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
//% else
//% for k in 0..8
  var sum${k} = vec4f(0.0);
//% end
  for (var row = 0u; row < BATCH; row += 8u) {
//% for k in 0..8
    if (row + ${k}u < BATCH) { sum${k} += row_stats[base + row + ${k}u]; }
//% end
  }
  let total = ((sum0 + sum1) + (sum2 + sum3)) + ((sum4 + sum5) + (sum6 + sum7));
//% end
  return vec4f(total.x / max(total.z, 1.0), total.y, total.z, 0.0);
}
