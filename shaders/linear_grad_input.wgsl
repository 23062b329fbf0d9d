// linear_grad_input: dx = (dy @ weight^T) * f'(saved)
//
// Shapes     dy [R, M, N], weight [R, K, N], saved, dx [R, M, K]; K, N multiples of 4
// Grid       one invocation per TM rows and TN4 vec4 columns of dx; z: replica, or with SPLIT
//            replica and part of the sums, which sum_parts adds up
// Reference  shared/engine/reference/dense.ts linearGradInput(); sums run over n in order
// Tile       shared/engine/kernels/tiles.ts; QUAD: four neighbours in x share their loads of dy.
//            No tile changes the order of any sum
//% if QUAD
enable subgroups;
//% end
// @include lib/operand.wgsl
// @include lib/activation.wgsl

override WX: u32 = 8u;
override WY: u32 = 8u;
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

@compute @workgroup_size(WX, WY)
fn linear_grad_input(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  // @include lib/sum_part.wgsl
//% if SPLIT
  let last = min(first + CHUNK, N4);
//% else
  let last = N4;
//% end
  let row = (group.y * WY + local.y) * ${TM}u;
  let column = group.x * WX * ${TN4}u + local.x;
  let w_base = source * W_STRIDE;
//% if QUAD
  let lane = local.x & 3u;
//% for i in 0..TM/4
  let y${i} = (source * M + min(row + ${4*i}u + lane, M - 1u)) * N4;
//% end
//% else
//% for i in 0..TM
  let y${i} = (source * M + min(row + ${i}u, M - 1u)) * N4;
//% end
//% end
//% for j in 0..TN4
  let k${j} = min(column + ${j}u * WX, K4 - 1u);
//% end
//% for i in 0..TM
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  for (var n = first; n < last; n++) {
//% for i in 0..TM/(1+3*QUAD)
    let a${i} = gradient_operand(dy[y${i} + n]);
//% end
//% for j in 0..TN4
//% for q in 0..4
    let b${q}_${j} = operand(weight[w_base + (k${j} * 4u + ${q}u) * N4 + n]);
//% end
//% if !QUAD
//% for q in 0..4
    let w${q}_${j} = vec4f(b0_${j}.${lane(q)}, b1_${j}.${lane(q)}, b2_${j}.${lane(q)}, b3_${j}.${lane(q)});
//% for i in 0..TM
    s${i}_${j} = fma(vec4f(a${i}.${lane(q)}), w${q}_${j}, s${i}_${j});
//% end
//% end
//% end
//% end
//% if QUAD
    // Each number is shared once, for all columns.
//% for q in 0..4
    {
//% for j in 0..TN4
      let w${j} = vec4f(b0_${j}.${lane(q)}, b1_${j}.${lane(q)}, b2_${j}.${lane(q)}, b3_${j}.${lane(q)});
//% end
//% for i in 0..TM
      let v${i} = vec4f(quadBroadcast(a${i/4}.${lane(q)}, ${i%4}u));
//% for j in 0..TN4
      s${i}_${j} = fma(v${i}, w${j}, s${i}_${j});
//% end
//% end
    }
//% end
//% end
  }
  // @include lib/linear_grad_input_epilogue.wgsl
}
