// conv2d: y = act(blend(conv(x, weight) + bias))
//
//   s[b,oy,ox,o] = bias[o] + sum over ky, kx, c of
//                  x[b, oy*S+ky*D-PAD_Y, ox*S+kx*D-PAD, c] weight[ky,kx,c,o]
//   y = act(z + alpha * s)        BLEND 1 (add)
//     = act(z + alpha * (s - z))  BLEND 2 (replace);  exactly act(z) at alpha = 0
//
// Shapes     x [R, B, H, W, C], weight [R, KH, KW, C, O], bias [R, O], z, y [R, B, OH, OW, O];
//            C, O multiples of 4; STRIPS = B OH PER_ROW pieces of output rows
// Grid       one invocation per strip of TX pixels of a row and TN4 vec4s of channels; z: replica,
//            in FOLDS layers where the strips are too many for one dimension.
//            ACROSS: neighbours in x take different strips, else different channels
// Reference  shared/engine/reference/conv.ts conv2d(); sums run over ky, vec4s of c, kx and the
//            CHANNELS real ones of the vec4 in order; taps outside the image add zero
// Tile       shared/engine/kernels/tiles.ts; QUAD: four neighbours in x share their loads of weight.
//            No tile changes the order of any sum
//% if QUAD
enable subgroups;
//% end
// @include lib/operand.wgsl
// @include lib/control.wgsl
// @include lib/activation.wgsl

override WX: u32 = 8u;
override WY: u32 = 8u;
override STRIPS: u32;
//% if FOLDS > 1
override GROUPS: u32;    // workgroups of strips in one of the FOLDS layers of z
//% end
override PER_ROW: u32;   // strips in an output row
override H: u32;
override W: u32;
override C4: u32;        // vec4s in a pixel of x
override OH: u32;
override OW: u32;
override O4: u32;        // vec4s in a pixel of y
override O: u32;         // channels of y without padding
override KH: u32;
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;    // with more than 1, CHUNKED by TAPS = 1
override X_STRIDE: u32;  // vec4s between replicas of x
override Y_STRIDE: u32;  // vec4s between replicas of y and z
override W_STRIDE: u32;  // vec4s between replicas of the parameters
override ALPHA: u32 = 0u;

//% if CHANNELS == 1
@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R, B, H, W, C]; read as scalars
//% else
@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R, B, H, W, C]
//% end
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, KH, KW, C, O]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [R, B, OH, OW, O]
//% if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;    // [R, O]
//% end
//% if BLEND
@group(0) @binding(${3 + BIAS}) var<storage, read> z: array<vec4f>; // [R, B, OH, OW, O]
@group(0) @binding(${4 + BIAS}) var<storage, read> control: array<u32>;
//% end

@compute @workgroup_size(WX, WY)
fn conv2d(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
//% if FOLDS > 1
  let replica = group.z / ${FOLDS}u;
  let fold = group.z % ${FOLDS}u * GROUPS;
//% else
  let replica = group.z;
  let fold = 0u;
//% end
//% if ACROSS
  let index = (fold + group.x) * WX + local.x;
  let column = (group.y * WY + local.y) * ${TN4}u;
  let next = 1u;
//% else
  let index = (fold + group.y) * WY + local.y;
  let column = group.x * WX * ${TN4}u + local.x;
  let next = WX;
//% end
//% if QUAD
  let lane = local.x & 3u;
//% end
  // Strips and channels beyond the edge repeat the last valid one and are not stored. Coordinates
  // left of or above the image wrap around to numbers far beyond it. `&`, not `&&`: a branch a pixel
  // can crash one driver's compiler.
  let strip = min(index, STRIPS - 1u);
  let ox = strip % PER_ROW * ${TX}u;
  let oy = strip / PER_ROW % OH;
  let image = strip / (PER_ROW * OH);
  let ix = ox * STRIDE - PAD;
  let iy = oy * STRIDE - PAD_Y;
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * next, O4 - 1u);
//% end
//% if EDGES && !CHUNKED
//% for j in 0..(TX-1)*STRIDE+TAPS
  let column_in${j} = ix + ${j}u < W;
//% end
//% end
//% for i in 0..TX
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  for (var ky = 0u; ky < KH; ky++) {
    let row_in = iy + ky * DILATION < H;
    let row_at = replica * X_STRIDE + ((image * H + iy + ky * DILATION) * W + ix) * C4;
//% if EDGES && !CHUNKED
//% for j in 0..(TX-1)*STRIDE+TAPS
    let in${j} = row_in & column_in${j};
//% end
//% end
    for (var c = 0u; c < C4; c++) {
//% if CHUNKED
      for (var kx = 0u; kx < KW; kx += ${TAPS}u) {
//% else
      {
        let kx = 0u;
//% end
        let at = row_at + kx * DILATION * C4 + c;
        let tap = replica * W_STRIDE + ((ky * KW + kx) * C4 + c) * 4u * O4;
//% for j in 0..(TX-1)*STRIDE+TAPS
//% if j % STRIDE < TAPS
//% if EDGES
//% if CHUNKED
        let in${j} = row_in & (ix + kx * DILATION + ${j}u < W);
//% end
//% if CHANNELS == 1
        let a${j} = scalar_operand(select(0.0, x[(at + ${j}u * C4) * 4u], in${j}));
//% else
        let a${j} = operand(select(vec4f(0.0), x[at + ${j}u * C4], in${j}));
//% end
//% else
//% if CHANNELS == 1
        let a${j} = scalar_operand(x[(at + ${j}u * C4) * 4u]);
//% else
        let a${j} = operand(x[at + ${j}u * C4]);
//% end
//% end
//% end
//% end
//% for t in 0..TAPS
        {
          let w = tap + ${4*t}u * C4 * O4;
//% if QUAD
//% for j in 0..TN4
          let u${j} = operand(weight[w + lane * O4 + n${j}]);
//% end
//% end
//% for q in 0..CHANNELS
          {
//% for j in 0..TN4
//% if QUAD
            let b${j} = quadBroadcast(u${j}, ${q}u);
//% else
            let b${j} = operand(weight[w + ${q}u * O4 + n${j}]);
//% end
//% end
//% for i in 0..TX
//% if CHANNELS == 1
            let v${i} = vec4f(a${i*STRIDE+t});
//% else
            let v${i} = vec4f(a${i*STRIDE+t}.${lane(q)});
//% end
//% for j in 0..TN4
            s${i}_${j} = fma(v${i}, b${j}, s${i}_${j});
//% end
//% end
          }
//% end
        }
//% end
      }
    }
  }
//% if BLEND
  let alpha = bitcast<f32>(
    control[schedule_row(control[CONTROL_STEP], control[CONTROL_CHUNK_START], replica) + ALPHA],
  );
//% end
//% if STRIP_EDGE
  if (index >= STRIPS) { return; }
//% end
  let pixel = replica * Y_STRIDE + ((image * OH + oy) * OW + ox) * O4;
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * next < O4) {
//% else
  {
//% end
//% if BIAS
    let bias${j} = bias[replica * W_STRIDE + n${j}];
//% end
//% if ACT == 3
    let real = vec4u(n${j} * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(O);
//% end
//% if LOOPED
    // As in lib/linear_epilogue.wgsl.
    var sums = array<vec4f, ${TX}>(
//% for i in 0..TX
      s${i}_${j},
//% end
    );
//% end
//% for i in 0..TX*(1-LOOPED)+LOOPED
//% if LOOPED
    for (var i = 0u; i < ${TX}u; i++) {
      var v = sums[i];
//% else
    {
      let i = ${i}u;
      var v = s${i}_${j};
//% end
//% if PIXEL_EDGE
      if (ox + i < OW) {
//% else
      {
//% end
        let at = pixel + i * O4 + n${j};
//% if BIAS
        v += bias${j};
//% end
//% if BLEND == 1
        let host = z[at];
        v = select(fma(vec4f(alpha), v, host), host, alpha == 0.0);
//% end
//% if BLEND == 2
        let host = z[at];
        v = select(fma(vec4f(alpha), v - host, host), host, alpha == 0.0);
//% end
        v = activate(v);
//% if ACT == 3
        // sigmoid(0) is not 0: keep the padding zero.
        v = select(vec4f(0.0), v, real);
//% end
        y[at] = v;
      }
    }
//% end
  }
//% end
}
