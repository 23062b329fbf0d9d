// conv2d_grouped_grad_weight: partial sums, over CHUNK images each, of weight and bias gradients
//
//   partial[p, (ky KW + kx) CG + c, o] = sum over the pixels (b,oy,ox) of part p of dy[b,oy,ox,o]
//                                        x[b, oy*S+ky*D-PAD_Y, ox*S+kx*D-PAD, o / OG * CG + c]
//   partial[p, KH KW CG, o] = sum of dy[b,oy,ox,o]
//
// Shapes     x [R, B, H, W, C], dy [R, B, OH, OW, O], partial [R, PARTS, KH KW CG + 1, O]; C, O stored
//            in multiples of 4
// Grid       one invocation per ky, TAPS neighbouring kx, c (with MODE 1 vec4 of c) and vec4 of O, in a
//            line; z: replica and part
// Reference  shared/engine/reference/conv.ts conv2dGradWeight(); sums run over the pixels in order
// Tile       shared/engine/kernels/conv-tiles.ts: TAPS and WX; they change no sum
// @include lib/operand.wgsl
// @include lib/grouped_window.wgsl

override B: u32;
override O: u32;           // channels of dy without padding
override PARTS: u32;
override CHUNK: u32;       // images in a part
override X_STRIDE: u32;    // vec4s between replicas of x
override DY_STRIDE: u32;   // vec4s between replicas of dy

//% if MODE == 0
@group(0) @binding(0) var<storage, read> x: array<f32>;               // [R, B, H, W, C]
//% else
@group(0) @binding(0) var<storage, read> x: array<vec4f>;             // [R, B, H, W, C]
//% end
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;            // [R, B, OH, OW, O]
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>; // [R, PARTS, KH KW CG + 1, O]

//% if MODE == 0
alias First = vec4u;
//% else
alias First = u32;
//% end

// What the lanes see of the pixel at column ix of an image row; zero outside. Columns left of the
// image wrap around to numbers far beyond it.
fn tapped(row_at: u32, row_in: bool, ix: u32, first: First) -> vec4f {
  let at = row_at + ix * C4;
//% if MODE == 0
  let source = vec4u(at * 4u) + first;
  let v = vec4f(x[source.x], x[source.y], x[source.z], x[source.w]);
//% else
  let v = x[at + first];
//% end
  return operand(select(vec4f(0.0), v, row_in & (ix < W)));
}

@compute @workgroup_size(WX)
fn conv2d_grouped_grad_weight(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = (group.y * groups.x + group.x) * WX + lane;
  let spans = (KW + ${TAPS - 1}u) / ${TAPS}u;
  if (index >= KH * spans * DEPTH * O4) { return; }
  let replica = group.z / PARTS;
  let part = group.z % PARTS;
  let n = index % O4;
  let c = index / O4 % DEPTH;
  let kx = index / (O4 * DEPTH) % spans * ${TAPS}u;
  let ky = index / (O4 * DEPTH * spans);
//% if MODE == 0
  let first = min(lanes_of(n), vec4u(O - 1u)) / OG * CG + c;
//% end
//% if MODE == 1
  let first = n * 4u / OG * (CG / 4u) + c;
//% end
//% if MODE == 2
  let first = n;
//% end
  var sum = vec4f(0.0);
//% for t in 0..TAPS
  var x${t} = vec4f(0.0);
//% for q in 0..1+3*(MODE==1)
  var s${t}_${q} = vec4f(0.0);
//% end
//% end
  let last = min((part + 1u) * CHUNK, B);
  for (var image = min(part * CHUNK, B); image < last; image++) {
    for (var oy = 0u; oy < OH; oy++) {
      let iy = oy * STRIDE + ky * DILATION - PAD_Y;
      let row_in = iy < H;
      let row_at = replica * X_STRIDE + (image * H + iy) * W * C4;
      let dy_at = replica * DY_STRIDE + (image * OH + oy) * OW * O4 + n;
//% if SLIDE
//% for t in 1..TAPS
      x${t} = tapped(row_at, row_in, kx + ${t - 1}u - PAD, first);
//% end
//% end
      for (var ox = 0u; ox < OW; ox++) {
//% if SLIDE
        // The window moves by one pixel: one load for TAPS of them.
//% for t in 1..TAPS
        x${t - 1} = x${t};
//% end
        x${TAPS - 1} = tapped(row_at, row_in, ox + kx + ${TAPS - 1}u - PAD, first);
//% else
//% for t in 0..TAPS
        x${t} = tapped(row_at, row_in, ox * STRIDE + (kx + ${t}u) * DILATION - PAD, first);
//% end
//% end
        let g = gradient_operand(dy[dy_at + ox * O4]);
        sum += g;
//% for t in 0..TAPS
//% if MODE == 1
//% for q in 0..4
        s${t}_${q} = fma(vec4f(x${t}.${lane(q)}), g, s${t}_${q});
//% end
//% else
        s${t}_0 = fma(x${t}, g, s${t}_0);
//% end
//% end
      }
    }
  }
  let base = group.z * (KH * KW * CG + 1u) * O4 + n;
  if (index < O4) { partial[base + KH * KW * CG * O4] = sum; }
//% for t in 0..TAPS
  if (kx + ${t}u < KW) {
    let at = base + (ky * KW + kx + ${t}u) * CG * O4;
//% if MODE == 1
//% for q in 0..4
    partial[at + (c * 4u + ${q}u) * O4] = s${t}_${q};
//% end
//% else
    partial[at + c * O4] = s${t}_0;
//% end
  }
//% end
}
