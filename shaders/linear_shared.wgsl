// linear_shared: y = act(blend(x @ weight + bias)), operands by way of workgroup memory
//
// Shapes     as linear
// Grid       one invocation per TM rows and TN4 vec4 columns; z: as linear. A workgroup loads SLICE
//            inputs of its WY TM rows of x, and the rows of weight that meet them, at a time
// Reference  shared/engine/reference/dense.ts linear(); sums run over k in order, as in linear
// Tile       shared/engine/kernels/tiles.ts, with `slice`
// @include lib/operand.wgsl
// @include lib/control.wgsl
// @include lib/activation.wgsl

const WX = ${WX}u;
const WY = ${WY}u;
override M: u32;         // rows
override K4: u32;        // vec4s in a row of x
override N4: u32;        // vec4s in a row of y
override N: u32;         // columns of y without padding
override X_STRIDE: u32;  // vec4s between replicas of x; 0: all read the same
override W_STRIDE: u32;  // vec4s between replicas of the parameters
override ALPHA: u32 = 0u;
//% if SPLIT
override PARTS: u32;     // parts of each sum, in z with the replicas
override CHUNK: u32;     // vec4s of x in a part
//% end

@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R, M, K]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, K, N]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [R, M, N]
//% if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;    // [R, N]
//% end
//% if BLEND
@group(0) @binding(${3 + BIAS}) var<storage, read> z: array<vec4f>; // [R, M, N]
@group(0) @binding(${4 + BIAS}) var<storage, read> control: array<u32>;
//% end

var<workgroup> a_slice: array<Kept, ${WY*TM*(SLICE/4+1)}>;
var<workgroup> b_slice: array<Kept, ${SLICE*WX*TN4}>;

fn kept_row(v: Kept) -> vec4f { return kept(v); }

@compute @workgroup_size(WX, WY)
fn linear_shared(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) worker: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  // @include lib/sum_part.wgsl
//% if SPLIT
  let last = min(first + CHUNK, K4);
//% else
  let last = K4;
//% end
  let first_row = group.y * ${WY*TM}u;
  let first_column = group.x * ${WX*TN4}u;
  let row = first_row + local.y * ${TM}u;
  let column = first_column + local.x;
  let x_base = source * X_STRIDE;
  let w_base = source * W_STRIDE;
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * WX, N4 - 1u);
//% end
//% for i in 0..TM
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  for (var start = first; start < last; start += ${SLICE/4}u) {
    // Every invocation passes the barriers: what is beyond an edge reads the last valid one.
    workgroupBarrier();
//% for u in 0..(WY*TM*(SLICE/4)+WX*WY-1)/(WX*WY)
    {
      let unit = worker + ${u*WX*WY}u;
      let r = unit / ${SLICE/4}u;
      let k = unit % ${SLICE/4}u;
//% if (u+1)*WX*WY > WY*TM*(SLICE/4)
      if (r < ${WY*TM}u) {
//% else
      {
//% end
        let at = x_base + min(first_row + r, M - 1u) * K4 + min(start + k, K4 - 1u);
        a_slice[r * ${SLICE/4+1}u + k] = keep(x[at]);
      }
    }
//% end
//% for u in 0..(SLICE*WX*TN4+WX*WY-1)/(WX*WY)
    {
      let unit = worker + ${u*WX*WY}u;
      let k = unit / ${WX*TN4}u;
      let n = unit % ${WX*TN4}u;
//% if (u+1)*WX*WY > SLICE*WX*TN4
      if (k < ${SLICE}u) {
//% else
      {
//% end
        let at = min(start * 4u + k, K4 * 4u - 1u) * N4 + min(first_column + n, N4 - 1u);
        b_slice[unit] = keep(weight[w_base + at]);
      }
    }
//% end
    workgroupBarrier();
//% if DEPTH_EDGE
    let depth4 = min(${SLICE/4}u, last - start);
//% else
    let depth4 = ${SLICE/4}u;
//% end
    // @include lib/slice_product.wgsl
  }
  // @include lib/linear_epilogue.wgsl
}
