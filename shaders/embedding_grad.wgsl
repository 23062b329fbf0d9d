// embedding_grad: dweight[v] = sum of dy[row] over the rows of token v
//
// Shapes     dy [R, N, C], index as token_index leaves it, dweight [R, V, C]; rows of dweight from V on
//            are padding
// Grid       one invocation per vec4 of dweight in a line; z: replica
// Reference  shared/engine/reference/attention.ts; sums run over the rows in order

override SIZE4: u32;      // vec4s of one replica of dweight
override C4: u32;
override V: u32;          // tokens
override N: u32;          // rows
override DY_STRIDE: u32;  // vec4s between replicas
override DW_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;

@compute @workgroup_size(64)
fn embedding_grad(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= SIZE4) { return; }
  let v = i / C4;
  let base = replica * (V + 1u + N);
  var sum = vec4f(0.0);
  if (v < V) {
    let last = index[base + v + 1u];
    for (var k = index[base + v]; k < last; k++) {
      sum += dy[replica * DY_STRIDE + index[base + V + 1u + k] * C4 + i % C4];
    }
  }
  dweight[replica * DW_STRIDE + i] = sum;
}
