// conv2d_shared: y = act(blend(conv(x, weight) + bias)), operands by way of workgroup memory
//
// Shapes     as conv2d; read as a product of matrices: M pixels of y by the DEPTH4 vec4s of x that each
//            sees, never stored as such, by N4 vec4s of channels
// Grid       one invocation per TM pixels and TN4 vec4 columns; z: replica, in FOLDS layers where there
//            are too many pixels for one dimension. A workgroup loads SLICE channels and taps of its
//            WY TM pixels, and the rows of weight that meet them, at a time
// Reference  shared/engine/reference/conv.ts conv2d(); sums run over ky, vec4s of c, kx and the
//            CHANNELS real ones of the vec4 in order, as in conv2d
// Tile       shared/engine/kernels/tiles.ts, with `slice`
// @include lib/operand.wgsl
// @include lib/control.wgsl
// @include lib/activation.wgsl

const WX = ${WX}u;
const WY = ${WY}u;
override M: u32;         // pixels of y in all images
//% if FOLDS > 1
override GROUPS: u32;    // workgroups of pixels in one of the FOLDS layers of z
//% end
override H: u32;
override W: u32;
override C4: u32;        // vec4s in a pixel of x
override OH: u32;
override OW: u32;
override N4: u32;        // vec4s in a pixel of y
override N: u32;         // channels of y without padding
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;
override DEPTH4: u32;    // KH C4 KW
override X_STRIDE: u32;  // vec4s between replicas of x
override W_STRIDE: u32;  // vec4s between replicas of the parameters
override ALPHA: u32 = 0u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R, B, H, W, C]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, KH, KW, C, O]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [R, B, OH, OW, O]
//% if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;    // [R, O]
//% end
//% if BLEND
@group(0) @binding(${3 + BIAS}) var<storage, read> z: array<vec4f>; // [R, B, OH, OW, O]
@group(0) @binding(${4 + BIAS}) var<storage, read> control: array<u32>;
//% end

var<workgroup> a_slice: array<Kept, ${WY*TM*(SLICE/4+1)}>;
var<workgroup> b_slice: array<Kept, ${SLICE*WX*TN4}>;

fn kept_row(v: Kept) -> vec4f { return kept(v); }

@compute @workgroup_size(WX, WY)
fn conv2d_shared(
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
  let w_base = replica * W_STRIDE;
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * WX, N4 - 1u);
//% end
//% for i in 0..TM
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  // The pixels that this invocation loads for its workgroup. Coordinates left of or above the image
  // wrap around to numbers far beyond it.
//% for u in 0..(WY*TM*(SLICE/4)+WX*WY-1)/(WX*WY)
  let r${u} = (worker + ${u*WX*WY}u) / ${SLICE/4}u;
  let k${u} = (worker + ${u*WX*WY}u) % ${SLICE/4}u;
  let pixel${u} = min(first_row + r${u}, M - 1u);
  let ix${u} = pixel${u} % OW * STRIDE - PAD;
  let iy${u} = pixel${u} / OW % OH * STRIDE - PAD_Y;
  let image${u} = replica * X_STRIDE + pixel${u} / (OW * OH) * H * W * C4;
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
      let t = min(start + k${u}, DEPTH4 - 1u);
      let at_x = ix${u} + t % KW * DILATION;
      let at_y = iy${u} + t / (C4 * KW) * DILATION;
      let at = image${u} + (at_y * W + at_x) * C4 + t / KW % C4;
      let inside = (at_y < H) & (at_x < W);
      a_slice[r${u} * ${SLICE/4+1}u + k${u}] = keep(select(vec4f(0.0), x[at], inside));
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
        let t = min(start + k / 4u, DEPTH4 - 1u);
        let tap = t / (C4 * KW) * KW + t % KW;
        let at = ((tap * C4 + t / KW % C4) * 4u + k % 4u) * N4 + min(first_column + n, N4 - 1u);
        b_slice[unit] = keep(weight[w_base + at]);
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
  // @include lib/linear_epilogue.wgsl
}
