// token_index: where each token's rows start, and the rows of all tokens, by token and then in order
//
// Shapes     tokens [R, .., T], N in all; index [R, V + 1 + N] u32: starts, then rows. Rows of what is
//            no token are left out
// Grid       one invocation per token and one for the end, in a line; z: replica
// Reference  shared/engine/reference/attention.ts; exact
// @include lib/token.wgsl

override N: u32;              // rows
override V: u32;              // tokens

//% if FLOAT
@group(0) @binding(0) var<storage, read> tokens: array<f32>;
//% else
@group(0) @binding(0) var<storage, read> tokens: array<u32>;
//% end
@group(0) @binding(1) var<storage, read_write> index: array<u32>;

@compute @workgroup_size(64)
fn token_index(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let v = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (v >= V + 1u) { return; }
  let base = replica * (V + 1u + N);
  var start = 0u;
  for (var row = 0u; row < N; row++) {
    start += select(0u, 1u, token_at(replica, row) < v);
  }
  index[base + v] = start;
  if (v == V) { return; }
  var to = base + V + 1u + start;
  for (var row = 0u; row < N; row++) {
    if (token_at(replica, row) == v) {
      index[to] = row;
      to++;
    }
  }
}
