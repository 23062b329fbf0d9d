// conv2d_grouped_grad_input: dx = (sum over the outputs that used the pixel of dy weight^T) * f'(saved)
//
//   ds[b,iy,ix,c] = sum over ky, kx, o < OG of dy[b,oy,ox, g OG + o] weight[ky,kx, c % CG, g OG + o]
//   where g = c / CG, and oy = (iy + PAD_Y - ky D) / S and ox = (ix + PAD - kx D) / S are whole and
//   inside the output
//
// Shapes     dy [R, B, OH, OW, O], weight [R, KH, KW, CG, O], saved, dx [R, B, H, W, C]; C, O stored in
//            multiples of 4; STRIPS = B H PER_ROW pieces of input rows
// Grid       one invocation per strip of TX pixels of a row and vec4 of C, in a line; z: replica
// Reference  shared/engine/reference/conv.ts conv2dGradInput(); sums run over ky, o (with MODE 1 vec4s
//            of o), kx and the vec4 in order
// Tile       shared/engine/kernels/conv-tiles.ts: TX and WX; they change no sum
// @include lib/operand.wgsl
// @include lib/activation.wgsl
// @include lib/grouped_window.wgsl

override STRIPS: u32;
override PER_ROW: u32;   // strips in an input row
override C: u32;         // channels of dx without padding
override DY_STRIDE: u32; // vec4s between replicas of dy
override DX_STRIDE: u32; // vec4s between replicas of dx and saved

//% if MODE == 0
@group(0) @binding(0) var<storage, read> dy: array<f32>;         // [R, B, OH, OW, O]
@group(0) @binding(1) var<storage, read> weight: array<f32>;     // [R, KH, KW, CG, O]
//% else
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;       // [R, B, OH, OW, O]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;   // [R, KH, KW, CG, O]
//% end
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>; // [R, B, H, W, C]
//% if SLOPE
@group(0) @binding(3) var<storage, read> saved: array<vec4f>;    // [R, B, H, W, C]
//% end

@compute @workgroup_size(WX)
fn conv2d_grouped_grad_input(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = (group.y * groups.x + group.x) * WX + lane;
  let replica = group.z;
  if (index >= STRIPS * C4) { return; }
  let n = index % C4;
  let strip = index / C4;
  let ix = strip % PER_ROW * ${TX}u;
  let iy = strip / PER_ROW % H;
  let image = strip / (PER_ROW * H);
//% if MODE == 0
  let channel = min(lanes_of(n), vec4u(C - 1u));
  let first = channel / CG * OG;          // first output of each lane's group
  let row = channel % CG * (O4 * 4u) + first;
//% end
//% if MODE == 1
  let first = n * 4u / CG * (OG / 4u);
  let row = n * 4u % CG * O4 + first;
//% end
//% if MODE == 2
  let first = n;
//% end
//% for i in 0..TX
  var s${i} = vec4f(0.0);
//% end
  for (var ky = 0u; ky < KH; ky++) {
    // Differences below zero wrap around to numbers far beyond the output.
    let ty = iy + PAD_Y - ky * DILATION;
    let row_in = (ty % STRIDE == 0u) & (ty / STRIDE < OH);
    let row_at = replica * DY_STRIDE + (image * OH + ty / STRIDE) * OW * O4;
    for (var o = 0u; o < DEPTH; o++) {
      for (var kx = 0u; kx < KW; kx++) {
//% for i in 0..TX
        let tx${i} = ix + ${i}u + PAD - kx * DILATION;
        let in${i} = row_in & (tx${i} % STRIDE == 0u) & (tx${i} / STRIDE < OW);
        let at${i} = row_at + tx${i} / STRIDE * O4;
//% if MODE == 0
        let from${i} = vec4u(at${i} * 4u + o) + first;
        let d${i} = select(
          vec4f(0.0),
          gradient_operand(vec4f(dy[from${i}.x], dy[from${i}.y], dy[from${i}.z], dy[from${i}.w])),
          in${i},
        );
//% else
        let d${i} = gradient_operand(select(vec4f(0.0), dy[at${i} + first + o], in${i}));
//% end
//% end
        let tap = replica * W_STRIDE + (ky * KW + kx) * CG * O4;
//% if MODE == 0
        let wi = vec4u(tap * 4u + o) + row;
        let w = operand(vec4f(weight[wi.x], weight[wi.y], weight[wi.z], weight[wi.w]));
//% end
//% if MODE == 2
        let w = operand(weight[tap + n]);
//% end
//% if MODE == 1
//% for q in 0..4
        let b${q} = operand(weight[tap + row + o + ${q}u * O4]);
//% end
//% for q in 0..4
        let w${q} = vec4f(b0.${lane(q)}, b1.${lane(q)}, b2.${lane(q)}, b3.${lane(q)});
//% for i in 0..TX
        s${i} = fma(vec4f(d${i}.${lane(q)}), w${q}, s${i});
//% end
//% end
//% else
//% for i in 0..TX
        s${i} = fma(d${i}, w, s${i});
//% end
//% end
      }
    }
  }
  let pixel = replica * DX_STRIDE + ((image * H + iy) * W + ix) * C4 + n;
//% for i in 0..TX
  if (ix + ${i}u < W) {
    let at = pixel + ${i}u * C4;
    let v = select(vec4f(0.0), s${i}, lanes_of(n) < vec4u(C));
//% if SLOPE
    dx[at] = v * activation_slope(saved[at]);
//% else
    dx[at] = v;
//% end
  }
//% end
}
