// conv2d_grad_weight: partial sums, over CHUNK images each, of the weight and bias gradients
//
//   partial[p, (ky KW + kx) C + c, o] = sum over the pixels (b,oy,ox) of part p of
//                                       x[b, oy*S+ky*D-PAD_Y, ox*S+kx*D-PAD, c] dy[b,oy,ox,o]
//   partial[p, KH KW C, o] = sum of dy[b,oy,ox,o]
//
// Shapes     x [R, B, H, W, C], dy [R, B, OH, OW, O], partial [R, PARTS, KH KW C + 1, O]; C, O
//            multiples of 4
// Grid       one invocation per TAPS neighbouring kx, TM4 vec4s of c and TN4 of o; z: replica and
//            part
// Reference  shared/engine/reference/conv.ts conv2dGradWeight(); sums run over the pixels in order;
//            of a single vec4 of channels only the CHANNELS real ones are summed
// Tile       shared/engine/kernels/tiles.ts; QUAD: four neighbours in x share their loads of x. No
//            tile changes the order of any sum
//% if QUAD
enable subgroups;
//% end
// @include lib/operand.wgsl

override WX: u32 = 8u;
override WY: u32 = 8u;
override B: u32;
override H: u32;
override W: u32;
override C4: u32;
override OH: u32;
override OW: u32;
override O4: u32;
override KH: u32;
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;
override PARTS: u32;
override CHUNK: u32;       // images in a part
override X_STRIDE: u32;    // vec4s between replicas of x
override DY_STRIDE: u32;   // vec4s between replicas of dy

//% if CHANNELS == 1
@group(0) @binding(0) var<storage, read> x: array<f32>;               // [R, B, H, W, C]; as scalars
alias Channels = f32;
//% else
@group(0) @binding(0) var<storage, read> x: array<vec4f>;             // [R, B, H, W, C]
alias Channels = vec4f;
//% end
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;            // [R, B, OH, OW, O]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>; // [R, PARTS, KH KW C + 1, O]

// Vec4 c of the pixel at column ix of an image row; zero outside. Columns left of the image wrap
// around to numbers far beyond it. `&`, not `&&`: a branch a pixel can crash one driver's compiler.
fn tapped(row_at: u32, row_in: bool, ix: u32, c: u32) -> Channels {
//% if CHANNELS == 1
  return scalar_operand(select(0.0, x[(row_at + ix) * 4u], row_in & (ix < W)));
//% else
  return operand(select(vec4f(0.0), x[(row_at + ix) * C4 + c], row_in & (ix < W)));
//% end
}

@compute @workgroup_size(WX, WY)
fn conv2d_grad_weight(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z / PARTS;
  let part = group.z % PARTS;
  let column = group.x * WX * ${TN4}u + local.x;
  let first = min(part * CHUNK, B);
  let last = min(first + CHUNK, B);
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * WX, O4 - 1u);
  var sum${j} = vec4f(0.0);
//% end
  let depth = (C4 + ${TM4 - 1}u) / ${TM4}u;
  let spans = (KW + ${TAPS - 1}u) / ${TAPS}u;
  let index = group.y * WY + local.y;
  let c_first = index % depth * ${TM4}u;
  let kx = index / depth % spans * ${TAPS}u;
  let ky = index / (depth * spans);
//% if QUAD
  let lane = local.x & 3u;
//% end
//% for m in 0..TM4/(1+3*QUAD)
//% if QUAD
  let c${m} = min(c_first + ${4*m}u + lane, C4 - 1u);
//% else
  let c${m} = min(c_first + ${m}u, C4 - 1u);
//% end
//% for t in 0..TAPS
  var x${m}_${t} = Channels();
//% end
//% end
//% for m in 0..TM4
//% for t in 0..TAPS
//% for q in 0..CHANNELS
//% for j in 0..TN4
  var s${m}_${t}_${q}_${j} = vec4f(0.0);
//% end
//% end
//% end
//% end
  for (var image = first; image < last; image++) {
    for (var oy = 0u; oy < OH; oy++) {
      let iy = oy * STRIDE + ky * DILATION - PAD_Y;
      let row_in = iy < H;
      let row_at = replica * X_STRIDE / C4 + (image * H + iy) * W;
      let dy_at = replica * DY_STRIDE + (image * OH + oy) * OW * O4;
//% if SLIDE
//% for m in 0..TM4/(1+3*QUAD)
//% for t in 1..TAPS
      x${m}_${t} = tapped(row_at, row_in, kx + ${t - 1}u - PAD, c${m});
//% end
//% end
//% end
      for (var ox = 0u; ox < OW; ox++) {
//% for m in 0..TM4/(1+3*QUAD)
//% if SLIDE
        // The window moves by one pixel: one load for TAPS of them.
//% for t in 1..TAPS
        x${m}_${t - 1} = x${m}_${t};
//% end
        x${m}_${TAPS - 1} = tapped(row_at, row_in, ox + kx + ${TAPS - 1}u - PAD, c${m});
//% else
//% for t in 0..TAPS
        x${m}_${t} = tapped(row_at, row_in, ox * STRIDE + (kx + ${t}u) * DILATION - PAD, c${m});
//% end
//% end
//% end
//% for j in 0..TN4
        let g${j} = gradient_operand(dy[dy_at + ox * O4 + n${j}]);
        sum${j} += g${j};
//% end
//% for m in 0..TM4
//% for t in 0..TAPS
//% for q in 0..CHANNELS
        {
//% if QUAD
          let v = vec4f(quadBroadcast(x${m/4}_${t}.${lane(q)}, ${m%4}u));
//% else
//% if CHANNELS == 1
          let v = vec4f(x${m}_${t});
//% else
          let v = vec4f(x${m}_${t}.${lane(q)});
//% end
//% end
//% for j in 0..TN4
          s${m}_${t}_${q}_${j} = fma(v, g${j}, s${m}_${t}_${q}_${j});
//% end
        }
//% end
//% end
//% end
      }
    }
  }
  if (ky >= KH) { return; }
  let base = group.z * (KH * KW * C4 * 4u + 1u) * O4;
//% for j in 0..TN4
  if (column + ${j}u * WX < O4) {
    if (index == 0u) { partial[base + KH * KW * C4 * 4u * O4 + n${j}] = sum${j}; }
//% if LOOPED
    // As in lib/linear_epilogue.wgsl.
    var sums = array<vec4f, ${4*TM4*TAPS}>(
//% for m in 0..TM4
//% for t in 0..TAPS
//% for q in 0..CHANNELS
      s${m}_${t}_${q}_${j},
//% end
//% for q in CHANNELS..4
      vec4f(0.0),
//% end
//% end
//% end
    );
    for (var i = 0u; i < ${4*TM4*TAPS}u; i++) {
      let c = c_first + i / ${4*TAPS}u;
      let t = kx + i / 4u % ${TAPS}u;
      if (t < KW && c < C4) {
        partial[base + ((ky * KW + t) * C4 + c) * 4u * O4 + i % 4u * O4 + n${j}] = sums[i];
      }
    }
//% else
//% for m in 0..TM4
//% for t in 0..TAPS
    if (kx + ${t}u < KW && c_first + ${m}u < C4) {
      let at = base + ((ky * KW + kx + ${t}u) * C4 + c_first + ${m}u) * 4u * O4 + n${j};
//% for q in 0..4
//% if q < CHANNELS
      partial[at + ${q}u * O4] = s${m}_${t}_${q}_${j};
//% else
      partial[at + ${q}u * O4] = vec4f(0.0);
//% end
//% end
    }
//% end
//% end
//% end
  }
//% end
}
