// linear_grad_input_shared: dx = (dy @ weight^T) * f'(saved), operands by way of workgroup memory
//
// Shapes     as linear_grad_input
// Grid       one invocation per TM rows and TN4 vec4 columns of dx; z: as linear_grad_input. A workgroup loads
//            SLICE outputs of its WY TM rows of dy, and the weights that meet them, at a time
// Reference  shared/engine/reference/dense.ts linearGradInput(); sums run over n in order, as in
//            linear_grad_input
// Tile       shared/engine/kernels/tiles.ts, with `slice`
// @include lib/operand.wgsl
// @include lib/activation.wgsl

const WX = ${WX}u;
const WY = ${WY}u;
override M: u32;
override K4: u32;
override N4: u32;
override W_STRIDE: u32;
//% if SPLIT
override PARTS: u32;     // parts of each sum, in z with the replicas
override CHUNK: u32;     // vec4s of dy in a part
//% end

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;      // [R, M, N]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, K, N]
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>; // [R, M, K]
//% if SLOPE
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;   // [R, M, K]
//% end

var<workgroup> a_slice: array<Kept, ${WY*TM*(SLICE/4+1)}>;
var<workgroup> b_slice: array<Kept, ${SLICE*WX*TN4}>; // transposed: vec4s along k

fn kept_row(v: Kept) -> vec4f { return kept_gradient(v); }

@compute @workgroup_size(WX, WY)
fn linear_grad_input_shared(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) worker: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  // @include lib/sum_part.wgsl
//% if SPLIT
  let last = min(first + CHUNK, N4);
//% else
  let last = N4;
//% end
  let first_row = group.y * ${WY*TM}u;
  let first_column = group.x * ${WX*TN4}u;
  let row = first_row + local.y * ${TM}u;
  let column = first_column + local.x;
  let w_base = source * W_STRIDE;
//% for j in 0..TN4
  let k${j} = min(column + ${j}u * WX, K4 - 1u);
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
      let n = unit % ${SLICE/4}u;
//% if (u+1)*WX*WY > WY*TM*(SLICE/4)
      if (r < ${WY*TM}u) {
//% else
      {
//% end
        let at = (source * M + min(first_row + r, M - 1u)) * N4 + min(start + n, N4 - 1u);
        a_slice[r * ${SLICE/4+1}u + n] = keep_gradient(dy[at]);
      }
    }
//% end
//% for u in 0..((SLICE/4)*WX*TN4+WX*WY-1)/(WX*WY)
    {
      let unit = worker + ${u*WX*WY}u;
      let c = unit / ${SLICE/4}u;
      let n = unit % ${SLICE/4}u;
//% if (u+1)*WX*WY > (SLICE/4)*WX*TN4
      if (c < ${WX*TN4}u) {
//% else
      {
//% end
        let at = w_base + min(first_column + c, K4 - 1u) * 4u * N4 + min(start + n, N4 - 1u);
//% for q in 0..4
        let b${q} = weight[at + ${q}u * N4];
//% end
//% for q in 0..4
        b_slice[(n * 4u + ${q}u) * ${WX*TN4}u + c] = keep(vec4f(b0.${lane(q)}, b1.${lane(q)}, b2.${lane(q)}, b3.${lane(q)}));
//% end
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
  // @include lib/linear_grad_input_epilogue.wgsl
}
