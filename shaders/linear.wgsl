// linear: y = act(blend(x @ weight + bias))
//
//   y[b,n] = act(z[b,n] + alpha * s)        BLEND 1 (add),      s = sum_k x[b,k] weight[k,n] + bias[n]
//          = act(z[b,n] + alpha * (s - z))  BLEND 2 (replace);  exactly act(z) at alpha = 0
//
// Shapes     x [R, M, K], weight [R, K, N], bias [R, N], z, y [R, M, N]; K, N multiples of 4
// Grid       one invocation per TM rows and TN4 vec4 columns; z: replica, or with SPLIT
//            replica and part of the sums, which sum_parts adds up
// Reference  shared/engine/reference/dense.ts linear(); sums run over k in order
// Tile       shared/engine/kernels/tiles.ts; QUAD: four neighbours in x share their loads of x.
//            No tile changes the order of any sum
//% if QUAD
enable subgroups;
//% end
// @include lib/operand.wgsl
// @include lib/control.wgsl
// @include lib/activation.wgsl

override WX: u32 = 8u;
override WY: u32 = 8u;
override M: u32;         // rows
override K4: u32;        // vec4s in a row of x
override N4: u32;        // vec4s in a row of y
override N: u32;         // columns of y without padding
override X_STRIDE: u32;  // vec4s between replicas of x; 0: all read the same
override W_STRIDE: u32;  // vec4s between replicas of the parameters
override ALPHA: u32 = 0u;
//% if SPLIT
override PARTS: u32;     // parts of each sum, in z with the replicas
override CHUNK: u32;     // vec4s of x in a part
//% end

@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R, M, K]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;  // [R, K, N]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [R, M, N]
//% if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;    // [R, N]
//% end
//% if BLEND
@group(0) @binding(${3 + BIAS}) var<storage, read> z: array<vec4f>; // [R, M, N]
@group(0) @binding(${4 + BIAS}) var<storage, read> control: array<u32>;
//% end

@compute @workgroup_size(WX, WY)
fn linear(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  // @include lib/sum_part.wgsl
//% if SPLIT
  let last = min(first + CHUNK, K4);
//% else
  let last = K4;
//% end
  let row = (group.y * WY + local.y) * ${TM}u;
  let column = group.x * WX * ${TN4}u + local.x;
  let x_base = source * X_STRIDE;
  let w_base = source * W_STRIDE;
  // Rows and columns beyond the edge read the last valid one and are not stored.
//% if QUAD
  let lane = local.x & 3u;
//% for i in 0..TM/4
  let x${i} = x_base + min(row + ${4*i}u + lane, M - 1u) * K4;
//% end
//% else
//% for i in 0..TM
  let x${i} = x_base + min(row + ${i}u, M - 1u) * K4;
//% end
//% end
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * WX, N4 - 1u);
//% end
//% for i in 0..TM
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  for (var k = first; k < last; k++) {
//% for i in 0..TM/(1+3*QUAD)
    let a${i} = operand(x[x${i} + k]);
//% end
//% for q in 0..4
    {
//% for j in 0..TN4
      let b${j} = operand(weight[w_base + (k * 4u + ${q}u) * N4 + n${j}]);
//% end
//% for i in 0..TM
//% if QUAD
      let v${i} = vec4f(quadBroadcast(a${i/4}.${lane(q)}, ${i%4}u));
//% else
      let v${i} = vec4f(a${i}.${lane(q)});
//% end
//% for j in 0..TN4
      s${i}_${j} = fma(v${i}, b${j}, s${i}_${j});
//% end
//% end
    }
//% end
  }
  // @include lib/linear_epilogue.wgsl
}
