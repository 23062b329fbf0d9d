// normalize_grad_affine: sums of dy * (x - mean) * inverse and of dy over the rows of each part
//
// Shapes     dy, x [R, TOTAL, C]; partial [R, PARTS, 2, C]: for dgamma, then for dbeta; part p holds
//            rows p CHUNK to (p + 1) CHUNK; stats as in lib/moments.wgsl
// Grid       one invocation per part and vec4 of channels in a line; z: replica
// Reference  shared/engine/reference/norm.ts; sums run over the rows in order
// @include lib/moments.wgsl

override TOTAL: u32;      // rows of the batch
override PARTS: u32;
override CHUNK: u32;      // rows of a part
override DY_STRIDE: u32;  // vec4s between replicas
override X_STRIDE: u32;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(64)
fn normalize_grad_affine(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let item = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (item >= PARTS * C4) { return; }
  let part = item / C4;
  let n = item % C4;
  let last = min((part + 1u) * CHUNK, TOTAL);
  var product = vec4f(0.0);
  var sum = vec4f(0.0);
  for (var row = part * CHUNK; row < last; row++) {
    let m = moments(replica, row, n);
    let d = dy[replica * DY_STRIDE + row * C4 + n];
    let v = (x[replica * X_STRIDE + row * C4 + n] - m.mean) * m.inverse;
    product = fma(d, v, product);
    sum += d;
  }
  let at = (replica * PARTS + part) * 2u * C4 + n;
  partial[at] = product;
  partial[at + C4] = sum;
}
