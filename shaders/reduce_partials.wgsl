// reduce_partials: adds up the partial sums of conv2d_grad_weight, in order
//
// Shapes     partial [R, PARTS, ROWS, O]: SIZE4 vec4s of weight gradient, then O4 of bias gradient;
//            gradients [R, P] holds dweight at 0 and dbias at BIAS_AT; with SEPARATE, they are
//            tensors of their own
// Grid       one invocation per vec4 of the gradients in a line; z: replica
// Reference  shared/engine/reference/conv.ts reduce_partials; sums run over the parts in order

override SIZE4: u32;         // vec4s of the weight gradient
override O4: u32;
override PARTS: u32;
override G_STRIDE: u32;      // vec4s between replicas of dweight
override BIAS_AT: u32 = 0u;
override B_STRIDE: u32 = 0u; // vec4s between replicas of dbias

@group(0) @binding(0) var<storage, read> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4f>;
//% if SEPARATE
@group(0) @binding(2) var<storage, read_write> grad_bias: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn reduce_partials(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
//% if BIAS
  if (i >= SIZE4 + O4) { return; }
//% else
  if (i >= SIZE4) { return; }
//% end
  var sum = vec4f(0.0);
  for (var part = 0u; part < PARTS; part++) {
    sum += partial[(replica * PARTS + part) * (SIZE4 + O4) + i];
  }
  if (i < SIZE4) {
    gradients[replica * G_STRIDE + i] = sum;
  }
//% if BIAS
  if (i >= SIZE4) {
//% if SEPARATE
    grad_bias[replica * B_STRIDE + i - SIZE4] = sum;
//% else
    gradients[replica * G_STRIDE + BIAS_AT + i - SIZE4] = sum;
//% end
  }
//% end
}
