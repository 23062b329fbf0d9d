// conv2d_grad_weight_shared: partial sums, over CHUNK images each, of the weight and bias gradients,
// operands by way of workgroup memory
//
// Shapes     as conv2d_grad_weight; read as a product of matrices: ROWS4 = KH KW C / 4 rows of vec4s by
//            the pixels of a part by N4 vec4s of channels
// Grid       one invocation per TM4 vec4 rows and TN4 vec4 columns; z: replica and part. A workgroup
//            loads what its rows and columns need of SLICE pixels at a time
// Reference  shared/engine/reference/conv.ts conv2dGradWeight(); sums run over the pixels in order, as in
//            conv2d_grad_weight; of a single vec4 of channels only the CHANNELS real ones are summed
// Tile       shared/engine/kernels/tiles.ts, with `slice`
// @include lib/operand.wgsl

const WX = ${WX}u;
const WY = ${WY}u;
override B: u32;
override H: u32;
override W: u32;
override C4: u32;
override OH: u32;
override OW: u32;
override N4: u32;          // vec4s in a pixel of dy
override ROWS4: u32;
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;
override PARTS: u32;
override CHUNK: u32;       // images in a part
override X_STRIDE: u32;    // vec4s between replicas of x
override DY_STRIDE: u32;   // vec4s between replicas of dy

@group(0) @binding(0) var<storage, read> x: array<vec4f>;             // [R, B, H, W, C]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;            // [R, B, OH, OW, O]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>; // [R, PARTS, KH KW C + 1, O]

var<workgroup> a_slice: array<Kept, ${SLICE*WY*TM4}>; // [SLICE, rows]
var<workgroup> b_slice: array<Kept, ${SLICE*WX*TN4}>; // [SLICE, columns]

@compute @workgroup_size(WX, WY)
fn conv2d_grad_weight_shared(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) worker: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z / PARTS;
  let part = group.z % PARTS;
  let first_row = group.y * ${WY*TM4}u;
  let first_column = group.x * ${WX*TN4}u;
  let row = first_row + local.y * ${TM4}u;
  let column = first_column + local.x;
  let first = min(part * CHUNK, B) * OH * OW;
  let pixels = min(part * CHUNK + CHUNK, B) * OH * OW - first;
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * WX, N4 - 1u);
  var sum${j} = vec4f(0.0);
//% end
//% for i in 0..TM4
//% for q in 0..CHANNELS
//% for j in 0..TN4
  var s${i}_${q}_${j} = vec4f(0.0);
//% end
//% end
//% end
  // The taps and channels that this invocation loads for its workgroup, as they lie from the pixel at
  // the window's corner. What is left of or above the image wraps around to numbers far beyond it.
//% for u in 0..(SLICE*WY*TM4+WX*WY-1)/(WX*WY)
  let m${u} = (worker + ${u*WX*WY}u) / ${WY*TM4}u;
  let r${u} = min(first_row + (worker + ${u*WX*WY}u) % ${WY*TM4}u, ROWS4 - 1u);
  let kx${u} = r${u} / C4 % KW * DILATION - PAD;
  let ky${u} = r${u} / (C4 * KW) * DILATION - PAD_Y;
//% end
  for (var start = 0u; start < pixels; start += ${SLICE}u) {
    // Every invocation passes the barriers: what is beyond an edge reads the last valid one.
    workgroupBarrier();
//% for u in 0..(SLICE*WY*TM4+WX*WY-1)/(WX*WY)
//% if (u+1)*WX*WY > SLICE*WY*TM4
    if (m${u} < ${SLICE}u) {
//% else
    {
//% end
      let pixel = first + min(start + m${u}, pixels - 1u);
      let ix = pixel % OW * STRIDE + kx${u};
      let iy = pixel / OW % OH * STRIDE + ky${u};
      let at = replica * X_STRIDE + ((pixel / (OW * OH) * H + iy) * W + ix) * C4 + r${u} % C4;
      a_slice[worker + ${u*WX*WY}u] = keep(select(vec4f(0.0), x[at], (iy < H) & (ix < W)));
    }
//% end
//% for u in 0..(SLICE*WX*TN4+WX*WY-1)/(WX*WY)
    {
      let unit = worker + ${u*WX*WY}u;
      let m = unit / ${WX*TN4}u;
      let n = unit % ${WX*TN4}u;
//% if (u+1)*WX*WY > SLICE*WX*TN4
      if (m < ${SLICE}u) {
//% else
      {
//% end
        let pixel = first + min(start + m, pixels - 1u);
        let at = replica * DY_STRIDE + pixel * N4 + min(first_column + n, N4 - 1u);
        b_slice[unit] = keep_gradient(dy[at]);
      }
    }
//% end
    workgroupBarrier();
//% if DEPTH_EDGE
    let depth = min(${SLICE}u, pixels - start);
//% else
    let depth = ${SLICE}u;
//% end
    for (var m = 0u; m < depth; m++) {
//% for i in 0..TM4
      let a${i} = kept(a_slice[m * ${WY*TM4}u + local.y * ${TM4}u + ${i}u]);
//% end
//% for j in 0..TN4
      let g${j} = kept_gradient(b_slice[m * ${WX*TN4}u + local.x + ${j*WX}u]);
      sum${j} += g${j};
//% end
//% for i in 0..TM4
//% for q in 0..CHANNELS
//% for j in 0..TN4
      s${i}_${q}_${j} = fma(vec4f(a${i}.${lane(q)}), g${j}, s${i}_${q}_${j});
//% end
//% end
//% end
    }
  }
  let base = group.z * (ROWS4 * 4u + 1u) * N4;
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * WX < N4) {
//% else
  {
//% end
    if (row == 0u) { partial[base + ROWS4 * 4u * N4 + n${j}] = sum${j}; }
//% for i in 0..TM4
//% if ROW_EDGE
    if (row + ${i}u < ROWS4) {
//% else
    {
//% end
      let at = base + (row + ${i}u) * 4u * N4 + n${j};
//% for q in 0..4
//% if q < CHANNELS
      partial[at + ${q}u * N4] = s${i}_${q}_${j};
//% else
      partial[at + ${q}u * N4] = vec4f(0.0);
//% end
//% end
    }
//% end
  }
//% end
}
