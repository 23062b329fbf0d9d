// embedding: y[row] = weight[token[row]]; a token that is none of the V gives NaN
//
// Shapes     tokens [R, .., T], weight [R, V, C], y [R, .., T, C]
// Grid       one invocation per vec4 of y in a line; z: replica
// Reference  shared/engine/reference/attention.ts; exact
// @include lib/token.wgsl
// @include lib/finite.wgsl
// @include lib/group_channels.wgsl

override SIZE4: u32;          // vec4s of one replica of y
override Y_STRIDE: u32;       // vec4s between replicas of the result
override C: u32;
override C4: u32;
override V: u32;              // tokens
override W_STRIDE: u32;       // vec4s between replicas

//% if FLOAT
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
//% else
@group(0) @binding(0) var<storage, read> tokens: array<u32>;
//% end
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn embedding(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let n = i % C4;
  let token = token_at(replica, i / C4);
  let found = weight[replica * W_STRIDE + min(token, V - 1u) * C4 + n];
  let missing = select(vec4f(0.0), vec4f(not_a_number(i)), channels_within(n, 0u, C));
  y[replica * Y_STRIDE + i] = select(missing, found, token < V);
}
