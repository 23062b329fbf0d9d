// linear_grad_weight: dweight = x^T @ dy, dbias = column sums of dy
//
// Shapes     x [R, M, K], dy [R, M, N]; gradients [R, P] holds dweight [K, N] at 0 and dbias [N]
//            at BIAS_AT; with SEPARATE, they are tensors of their own; K, N multiples of 4
// Grid       one invocation per TM4 vec4 rows and TN4 vec4 columns of dweight; z: replica, or with SPLIT
//            replica and part of the batch: gradients is then [R, PARTS, K + 1, N], the last row for
//            dbias, and reduce_partials adds up the parts
// Reference  shared/engine/reference/dense.ts linearGradWeight(); sums run over the batch in order
// Tile       shared/engine/kernels/tiles.ts; QUAD: four neighbours in x share their loads of x.
//            No tile changes the order of any sum
//% if QUAD
enable subgroups;
//% end
// @include lib/operand.wgsl

override WX: u32 = 8u;
override WY: u32 = 8u;
override M: u32;         // batch
override K4: u32;
override N4: u32;
override X_STRIDE: u32;  // vec4s between replicas of x; 0: all read the same
override G_STRIDE: u32;  // vec4s between replicas of the gradients
override BIAS_AT: u32 = 0u;
override B_STRIDE: u32 = 0u; // vec4s between replicas of dbias
//% if SPLIT
override PARTS: u32;     // parts of each sum, in z with the replicas
override CHUNK: u32;     // rows of the batch in a part
//% end

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4f>;
//% if SEPARATE
@group(0) @binding(3) var<storage, read_write> grad_bias: array<vec4f>;
//% end

@compute @workgroup_size(WX, WY)
fn linear_grad_weight(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  // @include lib/sum_part.wgsl
//% if SPLIT
  let last = min(first + CHUNK, M);
//% else
  let last = M;
//% end
  let row = (group.y * WY + local.y) * ${TM4}u;
  let column = group.x * WX * ${TN4}u + local.x;
  let x_base = source * X_STRIDE;
  let y_base = source * M * N4;
//% if QUAD
  let lane = local.x & 3u;
//% for i in 0..TM4/4
  let from${i} = min(row + ${4*i}u + lane, K4 - 1u);
//% end
//% else
//% for i in 0..TM4
  let from${i} = min(row + ${i}u, K4 - 1u);
//% end
//% end
//% for j in 0..TN4
  let n${j} = min(column + ${j}u * WX, N4 - 1u);
//% if BIAS
  var b_sum${j} = vec4f(0.0);
//% end
//% end
//% for i in 0..4*TM4
//% for j in 0..TN4
  var s${i}_${j} = vec4f(0.0);
//% end
//% end
  for (var m = first; m < last; m++) {
//% for i in 0..TM4/(1+3*QUAD)
    let a${i} = operand(x[x_base + m * K4 + from${i}]);
//% end
//% for j in 0..TN4
    let b${j} = gradient_operand(dy[y_base + m * N4 + n${j}]);
//% if BIAS
    b_sum${j} += b${j};
//% end
//% end
//% for i in 0..TM4
//% for q in 0..4
//% if QUAD
    let v${4*i+q} = vec4f(quadBroadcast(a${i/4}.${lane(q)}, ${i%4}u));
//% else
    let v${4*i+q} = vec4f(a${i}.${lane(q)});
//% end
//% for j in 0..TN4
    s${4*i+q}_${j} = fma(v${4*i+q}, b${j}, s${4*i+q}_${j});
//% end
//% end
//% end
  }
  // @include lib/linear_grad_weight_epilogue.wgsl
}
