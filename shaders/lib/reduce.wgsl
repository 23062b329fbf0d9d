// Sums over the 64 invocations of a workgroup, in the order of a fixed binary tree. To be called by
// all of them. The scratch array is declared here because one WebGPU compiler rejects pointers to
// workgroup memory as parameters.

var<workgroup> reduce_scratch: array<vec4f, 64>;

fn reduce_sum(value: vec4f, lane: u32) -> vec4f {
  reduce_scratch[lane] = value;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width >>= 1u) {
    if (lane < width) { reduce_scratch[lane] += reduce_scratch[lane + width]; }
    workgroupBarrier();
  }
  let total = reduce_scratch[0];
  workgroupBarrier();
  return total;
}

fn reduce_max(value: vec4f, lane: u32) -> vec4f {
  reduce_scratch[lane] = value;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width >>= 1u) {
    if (lane < width) {
      reduce_scratch[lane] = max(reduce_scratch[lane], reduce_scratch[lane + width]);
    }
    workgroupBarrier();
  }
  let total = reduce_scratch[0];
  workgroupBarrier();
  return total;
}
