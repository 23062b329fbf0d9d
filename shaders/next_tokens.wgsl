// next_tokens: what a language model is to say at every position: the token after it
//
//   target[b, t] = tokens[b, t + 1], and labels[b] at the last; 0xffffffff, which does not count, where
//   the next is no token and throughout a row without a label
//
// Shapes     tokens [R, B, T], labels [R, B] u32, target [R, B T] u32
// Grid       one invocation per target in a line; z: replica
// Reference  shared/engine/reference/attention.ts; exact
// @include lib/token.wgsl

override SIZE: u32;           // B T
override LABELS_STRIDE: u32;  // words between replicas
override Y_STRIDE: u32;

//% if FLOAT
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
//% else
@group(0) @binding(0) var<storage, read> tokens: array<u32>;
//% end
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> target_of: array<u32>;

@compute @workgroup_size(64)
fn next_tokens(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE) { return; }
  let label = labels[replica * LABELS_STRIDE + i / T];
  let is_last = i % T + 1u == T;
  // The last row has no token after it: its own is read and not used.
  let next = token_at(replica, select(i + 1u, i, is_last));
  let within = select(next, label, is_last);
  target_of[replica * Y_STRIDE + i] = select(within, NO_TOKEN, label == NO_TOKEN);
}
