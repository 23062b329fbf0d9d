// conv2d_grouped: conv2d where each output sees the input channels of its own group alone
//
//   s[b,oy,ox,o] = bias[o] + sum over ky, kx, c < CG of weight[ky,kx,c,o]
//                  x[b, oy*S+ky*D-PAD_Y, ox*S+kx*D-PAD, o / OG * CG + c]
//   y = act(blend(s)) as in conv2d.wgsl
//
// Shapes     x [R, B, H, W, C], weight [R, KH, KW, CG, O], bias [R, O], z, y [R, B, OH, OW, O]; C, O
//            stored in multiples of 4; STRIPS = B OH PER_ROW pieces of output rows
// Grid       one invocation per strip of TX pixels of a row and vec4 of O, in a line; z: replica
// Reference  shared/engine/reference/conv.ts conv2d(); sums run over ky, c (with MODE 1 vec4s of c),
//            kx and the vec4 in order
// Tile       shared/engine/kernels/conv-tiles.ts: TX and WX; they change no sum
// @include lib/operand.wgsl
// @include lib/control.wgsl
// @include lib/activation.wgsl
// @include lib/grouped_window.wgsl

override STRIPS: u32;
override PER_ROW: u32;   // strips in an output row
override O: u32;         // channels of y without padding
override X_STRIDE: u32;  // vec4s between replicas of x
override Y_STRIDE: u32;  // vec4s between replicas of y and z
override ALPHA: u32 = 0u;

//% if MODE == 0
@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R, B, H, W, C]
//% else
@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R, B, H, W, C]
//% end
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, KH, KW, CG, O]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [R, B, OH, OW, O]
//% if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;    // [R, O]
//% end
//% if BLEND
@group(0) @binding(${3 + BIAS}) var<storage, read> z: array<vec4f>; // [R, B, OH, OW, O]
@group(0) @binding(${4 + BIAS}) var<storage, read> control: array<u32>;
//% end

@compute @workgroup_size(WX)
fn conv2d_grouped(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = (group.y * groups.x + group.x) * WX + lane;
  let replica = group.z;
  if (index >= STRIPS * O4) { return; }
  let n = index % O4;
  let strip = index / O4;
  let ox = strip % PER_ROW * ${TX}u;
  let oy = strip / PER_ROW % OH;
  let image = strip / (PER_ROW * OH);
  // Coordinates left of or above the image wrap around to numbers far beyond it.
  let ix = ox * STRIDE - PAD;
  let iy = oy * STRIDE - PAD_Y;
//% if MODE == 0
  let first = min(lanes_of(n), vec4u(O - 1u)) / OG * CG;
//% end
//% if MODE == 1
  let first = n * 4u / OG * (CG / 4u);
//% end
//% if MODE == 2
  let first = n;
//% end
//% for i in 0..TX
  var s${i} = vec4f(0.0);
//% end
  for (var ky = 0u; ky < KH; ky++) {
    let row_in = iy + ky * DILATION < H;
    let row_at = replica * X_STRIDE + ((image * H + iy + ky * DILATION) * W + ix) * C4;
    for (var c = 0u; c < DEPTH; c++) {
//% if CHUNKED
      for (var kx = 0u; kx < KW; kx += ${TAPS}u) {
//% else
      {
        let kx = 0u;
//% end
//% for j in 0..(TX-1)*STRIDE+TAPS
//% if j % STRIDE < TAPS
        let in${j} = row_in & (ix + kx * DILATION + ${j}u < W);
        let at${j} = row_at + (kx * DILATION + ${j}u) * C4;
//% if MODE == 0
        let from${j} = vec4u(at${j} * 4u + c) + first;
        let a${j} = select(
          vec4f(0.0),
          operand(vec4f(x[from${j}.x], x[from${j}.y], x[from${j}.z], x[from${j}.w])),
          in${j},
        );
//% else
        let a${j} = operand(select(vec4f(0.0), x[at${j} + first + c], in${j}));
//% end
//% end
//% end
//% for t in 0..TAPS
        {
          let tap = replica * W_STRIDE + (ky * KW + kx + ${t}u) * CG * O4 + n;
//% if MODE == 1
//% for q in 0..4
          {
            let w = operand(weight[tap + (c * 4u + ${q}u) * O4]);
//% for i in 0..TX
            s${i} = fma(vec4f(a${i*STRIDE+t}.${lane(q)}), w, s${i});
//% end
          }
//% end
//% else
          let w = operand(weight[tap + c * O4]);
//% for i in 0..TX
          s${i} = fma(a${i*STRIDE+t}, w, s${i});
//% end
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
  let pixel = replica * Y_STRIDE + ((image * OH + oy) * OW + ox) * O4 + n;
//% if BIAS
  let shift = bias[replica * W_STRIDE + n];
//% end
//% for i in 0..TX
  if (ox + ${i}u < OW) {
    let at = pixel + ${i}u * O4;
    var v = s${i};
//% if BIAS
    v += shift;
//% end
//% if BLEND
    let host = z[at];
//% end
//% if BLEND == 1
    v = select(fma(vec4f(alpha), v, host), host, alpha == 0.0);
//% end
//% if BLEND == 2
    v = select(fma(vec4f(alpha), v - host, host), host, alpha == 0.0);
//% end
    // sigmoid(0) is not 0, and lanes past the end read a real channel: keep the padding zero.
    y[at] = select(vec4f(0.0), activate(v), lanes_of(n) < vec4u(O));
  }
//% end
}
