// gradient_norm_partial: sums of squares over equal parts of the gradient arena
//
// Shapes     gradients [R, P], partial [R, PARTIALS]
// Grid       LANES invocations a part: 1, parts in a line of workgroups of 64; or 64, one workgroup a
//            part, which sums every 64th vec4 and ends with a tree. z: replica
// Reference  shared/engine/reference/optimizer.ts; 1e-5 relative
//% if LANES == 64
// @include lib/reduce.wgsl
//% end

override P4: u32;       // vec4s of one replica
override G_STRIDE: u32; // vec4s between replicas
override PARTIALS: u32;
override PART4: u32;    // vec4s in a part

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(64)
fn gradient_norm_partial(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let replica = group.z;
//% if LANES == 64
  let part = group.x;
  let first = lane;
//% else
  let part = group.x * 64u + lane;
  let first = 0u;
//% end
  let end = select(0u, min((part + 1u) * PART4, P4), part < PARTIALS);
  var sum = vec4f(0.0);
  for (var i = part * PART4 + first; i < end; i += ${LANES}u) {
    let g = gradients[replica * G_STRIDE + i];
    sum = fma(g, g, sum);
  }
//% if LANES == 64
  sum = reduce_sum(sum, lane);
  let writes = lane == 0u;
//% else
  let writes = part < PARTIALS;
//% end
  if (writes) {
    partial[replica * PARTIALS + part] = (sum.x + sum.y) + (sum.z + sum.w);
  }
}
