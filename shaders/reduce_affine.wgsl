// reduce_affine: adds up the partial sums of normalize_grad_affine, in order
//
// Shapes     partial [R, PARTS, 2, C]; gradients [R, P] holds dgamma at 0 and dbeta at BIAS_AT; with
//            SEPARATE, they are tensors of their own
// Grid       one invocation per vec4 of the two gradients in a line; z: replica
// Reference  shared/engine/reference/norm.ts; sums run over the parts in order

override C4: u32;            // vec4s of channels
override PARTS: u32;
override G_STRIDE: u32;      // vec4s between replicas of dgamma
override BIAS_AT: u32 = 0u;
override B_STRIDE: u32 = 0u; // vec4s between replicas of dbeta

@group(0) @binding(0) var<storage, read> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4f>;
//% if SEPARATE
@group(0) @binding(2) var<storage, read_write> grad_beta: array<vec4f>;
//% end

@compute @workgroup_size(64)
fn reduce_affine(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= 2u * C4) { return; }
  var sum = vec4f(0.0);
  for (var part = 0u; part < PARTS; part++) {
    sum += partial[(replica * PARTS + part) * 2u * C4 + i];
  }
  if (i < C4) {
    gradients[replica * G_STRIDE + i] = sum;
    return;
  }
//% if SEPARATE
  grad_beta[replica * B_STRIDE + i - C4] = sum;
//% else
  gradients[replica * G_STRIDE + BIAS_AT + i - C4] = sum;
//% end
}
