// conv2d_grad_input: dx = (sum over the outputs that used the pixel of dy weight^T) * f'(saved)
//
//   ds[b,iy,ix,c] = sum over ky, kx, o of dy[b,oy,ox,o] weight[ky,kx,c,o]
//   where oy = (iy + PAD_Y - ky D) / S and ox = (ix + PAD - kx D) / S are whole and inside the output
//
// Shapes     dy [R, B, OH, OW, O], weight [R, KH, KW, C, O], saved, dx [R, B, H, W, C]; C, O
//            multiples of 4; STRIPS = B H PER_ROW pieces of input rows, with STRIDED that many for
//            each phase ix % S
// Grid       one invocation per strip of TX pixels of a row and TN4 vec4s of channels; z: replica,
//            in FOLDS layers where the strips are too many for one dimension.
//            ACROSS: neighbours in x take different strips, else different channels.
//            STRIDED: pixels of a strip are S apart, so that they meet the same taps; others are skipped
// Reference  shared/engine/reference/conv.ts conv2dGradInput(); sums run over ky, vec4s of o, kx
//            and the vec4 in order
// Tile       shared/engine/kernels/tiles.ts; QUAD: four neighbours in x share their loads of weight.
//            No tile changes the order of any sum
//% if QUAD
enable subgroups;
//% end
// @include lib/operand.wgsl
// @include lib/activation.wgsl

override WX: u32 = 8u;
override WY: u32 = 8u;
override STRIPS: u32;
//% if FOLDS > 1
override GROUPS: u32;    // workgroups of strips in one of the FOLDS layers of z
//% end
override PER_ROW: u32;   // strips in an input row, with STRIDED in one phase of it
override H: u32;
override W: u32;
override C4: u32;        // vec4s in a pixel of dx
override OH: u32;
override OW: u32;
override O4: u32;        // vec4s in a pixel of dy
override KH: u32;
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;  // with more than 1, one tap at a time
//% if STRIDED
override TAP_STEP: u32;  // S / gcd(S, D)
//% end
override DY_STRIDE: u32; // vec4s between replicas of dy
override DX_STRIDE: u32; // vec4s between replicas of dx and saved
override W_STRIDE: u32;  // vec4s between replicas of the parameters

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;       // [R, B, OH, OW, O]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;   // [R, KH, KW, C, O]
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>; // [R, B, H, W, C]
//% if SLOPE
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;    // [R, B, H, W, C]
//% end

//% if STRIDED
// at - tap D, which may be below zero, plus a multiple of S that lifts it above.
fn lifted(at: u32, tap: u32, taps: u32) -> u32 {
  return at + (taps * STRIDE - tap) * DILATION;
}

// The first tap whose distance to a padded coordinate is whole; `taps` where there is none.
fn first_tap(at: u32, taps: u32) -> u32 {
  var tap = 0u;
  while ((tap < taps) & (lifted(at, tap, taps) % STRIDE != 0u)) { tap++; }
  return tap;
}

// (at - tap D) / S; below zero it wraps around.
fn output_of(at: u32, tap: u32, taps: u32) -> u32 {
  return lifted(at, tap, taps) / STRIDE - taps * DILATION;
}
//% end

@compute @workgroup_size(WX, WY)
fn conv2d_grad_input(
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
//% if STRIDED
  // Phases lie one after the other: neighbours are in one, and take the same way through the taps.
  let strip = min(index, STRIPS - 1u) % (STRIPS / STRIDE);
  let ix = strip % PER_ROW * ${TX}u * STRIDE + min(index, STRIPS - 1u) / (STRIPS / STRIDE);
//% else
  let strip = min(index, STRIPS - 1u);
  let ix = strip % PER_ROW * ${TX}u;
//% end
  let iy = strip / PER_ROW % H;
  let image = strip / (PER_ROW * H);
//% for j in 0..TN4
  let c${j} = min(column + ${j}u * next, C4 - 1u);
//% end
//% for i in 0..TX
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
//% if !STRIDED && !CHUNKED
//% for j in 0..TX+TAPS-1
  let column_in${j} = ix + PAD - ${TAPS-1}u + ${j}u < OW;
//% end
//% end
//% if STRIDED
  // Every TAP_STEP-th tap meets the strip. Loops that leave the others out, and no branch around them:
  // CPU renderers compute both sides of one.
  let first_ky = first_tap(iy + PAD_Y, KH);
  let first_kx = first_tap(ix + PAD, KW);
//% end
//% if STRIDED
  for (var ky = first_ky; ky < KH; ky += TAP_STEP) {
//% else
  for (var ky = 0u; ky < KH; ky++) {
//% end
    // Differences below zero wrap around to numbers far beyond the output. `&`, not `&&`: a branch a
    // pixel can crash one driver's compiler.
//% if STRIDED
    let oy = output_of(iy + PAD_Y, ky, KH);
    let row_in = oy < OH;
    let row_at = replica * DY_STRIDE + (image * OH + oy) * OW * O4;
//% else
    let oy = iy + PAD_Y - ky * DILATION;
    let row_in = oy < OH;
    let row_at = replica * DY_STRIDE + ((image * OH + oy) * OW + ix + PAD - ${TAPS-1}u) * O4;
//% if !CHUNKED
//% for j in 0..TX+TAPS-1
    let in${j} = row_in & column_in${j};
//% end
//% end
//% end
    for (var o = 0u; o < O4; o++) {
//% if STRIDED
      for (var kx = first_kx; kx < KW; kx += TAP_STEP) {
        let ox = output_of(ix + PAD, kx, KW);
//% else
//% if CHUNKED
      for (var kx = 0u; kx < KW; kx += ${TAPS}u) {
//% else
      {
        let kx = 0u;
//% end
        let at = row_at - kx * DILATION * O4 + o;
//% for j in 0..TX+TAPS-1
//% if CHUNKED
        let in${j} = row_in & (ix + PAD - kx * DILATION - ${TAPS-1}u + ${j}u < OW);
//% end
        let a${j} = gradient_operand(select(vec4f(0.0), dy[at + ${j}u * O4], in${j}));
//% end
//% end
//% for t in 0..TAPS
        {
          let w = replica * W_STRIDE + (ky * KW + kx + ${t}u) * C4 * 4u * O4 + o;
//% if STRIDED
//% for i in 0..TX
          let d${i} = gradient_operand(
            select(vec4f(0.0), dy[row_at + (ox + ${i}u) * O4 + o], row_in & (ox + ${i}u < OW)),
          );
//% end
//% end
//% for j in 0..TN4
          {
//% if QUAD
            let own = operand(weight[w + (c${j} * 4u + lane) * O4]);
//% end
//% for q in 0..4
//% if QUAD
            let b${q} = quadBroadcast(own, ${q}u);
//% else
            let b${q} = operand(weight[w + (c${j} * 4u + ${q}u) * O4]);
//% end
//% end
//% for q in 0..4
            let w${q} = vec4f(b0.${lane(q)}, b1.${lane(q)}, b2.${lane(q)}, b3.${lane(q)});
//% for i in 0..TX
//% if STRIDED
            s${i}_${j} = fma(vec4f(d${i}.${lane(q)}), w${q}, s${i}_${j});
//% else
            s${i}_${j} = fma(vec4f(a${i+TAPS-1-t}.${lane(q)}), w${q}, s${i}_${j});
//% end
//% end
//% end
          }
//% end
        }
//% end
      }
    }
  }
//% if STRIP_EDGE
  if (index >= STRIPS) { return; }
//% end
  let pixel = replica * DX_STRIDE + ((image * H + iy) * W + ix) * C4;
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * next < C4) {
//% else
  {
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
      let v = sums[i];
//% else
    {
      let i = ${i}u;
      let v = s${i}_${j};
//% end
//% if PIXEL_EDGE
      if (ix + i * ${STEP}u < W) {
//% else
      {
//% end
        let at = pixel + i * ${STEP}u * C4 + c${j};
//% if SLOPE
        dx[at] = v * activation_slope(saved[at]);
//% else
        dx[at] = v;
//% end
      }
    }
//% end
  }
//% end
}
