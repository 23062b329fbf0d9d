// conv2d_grad_input_shared: dx = (sum over the outputs that used the pixel of dy weight^T) * f'(saved),
// operands by way of workgroup memory
//
// Shapes     as conv2d_grad_input; read as a product of matrices: M pixels of dx by the DEPTH4 vec4s of
//            dy that each was used for, never stored as such, by K4 vec4s of channels
// Grid       one invocation per TM pixels and TN4 vec4 columns of dx; z: replica, in FOLDS layers where
//            there are too many pixels for one dimension. A workgroup loads SLICE channels and taps of
//            its WY TM pixels, and the weights that meet them, at a time
// Reference  shared/engine/reference/conv.ts conv2dGradInput(); sums run over ky, vec4s of o, kx and the
//            vec4 in order, as in conv2d_grad_input
// Tile       shared/engine/kernels/tiles.ts, with `slice`
// @include lib/operand.wgsl
// @include lib/activation.wgsl

const WX = ${WX}u;
const WY = ${WY}u;
override M: u32;         // pixels of dx in all images
//% if FOLDS > 1
override GROUPS: u32;    // workgroups of pixels in one of the FOLDS layers of z
//% end
override H: u32;
override W: u32;
override K4: u32;        // vec4s in a pixel of dx
override OH: u32;
override OW: u32;
override O4: u32;        // vec4s in a pixel of dy
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;
override DEPTH4: u32;    // KH O4 KW
override DY_STRIDE: u32; // vec4s between replicas of dy
override W_STRIDE: u32;  // vec4s between replicas of the parameters

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;       // [R, B, OH, OW, O]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;   // [R, KH, KW, C, O]
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>; // [R, B, H, W, C]
//% if SLOPE
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;    // [R, B, H, W, C]
//% end

var<workgroup> a_slice: array<Kept, ${WY*TM*(SLICE/4+1)}>;
var<workgroup> b_slice: array<Kept, ${SLICE*WX*TN4}>; // transposed: vec4s along c

fn kept_row(v: Kept) -> vec4f { return kept_gradient(v); }

@compute @workgroup_size(WX, WY)
fn conv2d_grad_input_shared(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) worker: u32,
  @builtin(workgroup_id) group: vec3u,
) {
//% if FOLDS > 1
  let replica = group.z / ${FOLDS}u;
  let first_row = (group.z % ${FOLDS}u * GROUPS + group.y) * ${WY*TM}u;
//% else
  let replica = group.z;
  let first_row = group.y * ${WY*TM}u;
//% end
  let first_column = group.x * ${WX*TN4}u;
  let row = first_row + local.y * ${TM}u;
  let column = first_column + local.x;
//% for j in 0..TN4
  let k${j} = min(column + ${j}u * WX, K4 - 1u);
//% end
//% for i in 0..TM
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  // The pixels that this invocation loads for its workgroup.
//% for u in 0..(WY*TM*(SLICE/4)+WX*WY-1)/(WX*WY)
  let r${u} = (worker + ${u*WX*WY}u) / ${SLICE/4}u;
  let d${u} = (worker + ${u*WX*WY}u) % ${SLICE/4}u;
  let pixel${u} = min(first_row + r${u}, M - 1u);
  let ix${u} = pixel${u} % W + PAD;
  let iy${u} = pixel${u} / W % H + PAD_Y;
  let image${u} = replica * DY_STRIDE + pixel${u} / (W * H) * OH * OW * O4;
//% end
  for (var start = 0u; start < DEPTH4; start += ${SLICE/4}u) {
    // Every invocation passes the barriers: what is beyond an edge reads the last valid one.
    workgroupBarrier();
//% for u in 0..(WY*TM*(SLICE/4)+WX*WY-1)/(WX*WY)
//% if (u+1)*WX*WY > WY*TM*(SLICE/4)
    if (r${u} < ${WY*TM}u) {
//% else
    {
//% end
      let t = min(start + d${u}, DEPTH4 - 1u);
      // Differences below zero wrap around to numbers far beyond the output.
      let at_x = ix${u} - t % KW * DILATION;
      let at_y = iy${u} - t / (O4 * KW) * DILATION;
      let whole = (at_x % STRIDE == 0u) & (at_y % STRIDE == 0u);
      let inside = (at_x / STRIDE < OW) & (at_y / STRIDE < OH);
      let at = image${u} + (at_y / STRIDE * OW + at_x / STRIDE) * O4 + t / KW % O4;
      a_slice[r${u} * ${SLICE/4+1}u + d${u}] = keep_gradient(select(vec4f(0.0), dy[at], whole & inside));
    }
//% end
//% for u in 0..((SLICE/4)*WX*TN4+WX*WY-1)/(WX*WY)
    {
      let unit = worker + ${u*WX*WY}u;
      let c = unit / ${SLICE/4}u;
      let d = unit % ${SLICE/4}u;
//% if (u+1)*WX*WY > (SLICE/4)*WX*TN4
      if (c < ${WX*TN4}u) {
//% else
      {
//% end
        let t = min(start + d, DEPTH4 - 1u);
        let tap = t / (O4 * KW) * KW + t % KW;
        let line = (tap * K4 + min(first_column + c, K4 - 1u)) * 4u;
        let at = replica * W_STRIDE + line * O4 + t / KW % O4;
//% for q in 0..4
        let b${q} = weight[at + ${q}u * O4];
//% end
//% for q in 0..4
        b_slice[(d * 4u + ${q}u) * ${WX*TN4}u + c] = keep(vec4f(b0.${lane(q)}, b1.${lane(q)}, b2.${lane(q)}, b3.${lane(q)}));
//% end
      }
    }
//% end
    workgroupBarrier();
//% if DEPTH_EDGE
    let depth4 = min(${SLICE/4}u, DEPTH4 - start);
//% else
    let depth4 = ${SLICE/4}u;
//% end
    // @include lib/slice_product.wgsl
  }
  // @include lib/linear_grad_input_epilogue.wgsl
}
