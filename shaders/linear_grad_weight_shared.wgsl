// linear_grad_weight_shared: dweight = x^T @ dy, dbias = column sums of dy, operands by way of
// workgroup memory
//
// Shapes     as linear_grad_weight
// Grid       one invocation per TM4 vec4 rows and TN4 vec4 columns of dweight; z: as linear_grad_weight. A workgroup
//            loads its columns of SLICE rows of x and of dy at a time
// Reference  shared/engine/reference/dense.ts linearGradWeight(); sums run over the batch in order, as
//            in linear_grad_weight
// Tile       shared/engine/kernels/tiles.ts, with `slice`
// @include lib/operand.wgsl

const WX = ${WX}u;
const WY = ${WY}u;
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

var<workgroup> a_slice: array<Kept, ${SLICE*WY*TM4}>; // [SLICE, rows]
var<workgroup> b_slice: array<Kept, ${SLICE*WX*TN4}>; // [SLICE, columns]

@compute @workgroup_size(WX, WY)
fn linear_grad_weight_shared(
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) worker: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
  // @include lib/sum_part.wgsl
//% if SPLIT
  let last = min(first + CHUNK, M);
//% else
  let last = M;
//% end
  let first_row = group.y * ${WY*TM4}u;
  let first_column = group.x * ${WX*TN4}u;
  let row = first_row + local.y * ${TM4}u;
  let column = first_column + local.x;
  let x_base = source * X_STRIDE;
  let y_base = source * M * N4;
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
  for (var start = first; start < last; start += ${SLICE}u) {
    // Every invocation passes the barriers: what is beyond an edge reads the last valid one.
    workgroupBarrier();
//% for u in 0..(SLICE*WY*TM4+WX*WY-1)/(WX*WY)
    {
      let unit = worker + ${u*WX*WY}u;
      let m = unit / ${WY*TM4}u;
      let r = unit % ${WY*TM4}u;
//% if (u+1)*WX*WY > SLICE*WY*TM4
      if (m < ${SLICE}u) {
//% else
      {
//% end
        let at = min(start + m, M - 1u) * K4 + min(first_row + r, K4 - 1u);
        a_slice[unit] = keep(x[x_base + at]);
      }
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
        let at = min(start + m, M - 1u) * N4 + min(first_column + n, N4 - 1u);
        b_slice[unit] = keep_gradient(dy[y_base + at]);
      }
    }
//% end
    workgroupBarrier();
//% if DEPTH_EDGE
    let depth = min(${SLICE}u, last - start);
//% else
    let depth = ${SLICE}u;
//% end
    for (var m = 0u; m < depth; m++) {
//% for i in 0..TM4
      let a${i} = kept(a_slice[m * ${WY*TM4}u + local.y * ${TM4}u + ${i}u]);
//% end
//% for j in 0..TN4
      let b${j} = kept_gradient(b_slice[m * ${WX*TN4}u + local.x + ${j*WX}u]);
//% if BIAS
      b_sum${j} += b${j};
//% end
//% end
//% for i in 0..TM4
//% for q in 0..4
      let v${4*i+q} = vec4f(a${i}.${lane(q)});
//% for j in 0..TN4
      s${4*i+q}_${j} = fma(v${4*i+q}, b${j}, s${4*i+q}_${j});
//% end
//% end
//% end
    }
  }
  // @include lib/linear_grad_weight_epilogue.wgsl
}
