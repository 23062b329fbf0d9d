// max_pool_grad: dx[cell] = f'(saved) * sum of dy over the windows whose first largest element is
// the cell
//
// Shapes     dy, y [R, B, OH, OW, C], x, saved, dx [R, B, H, W, C]; OWN: saved is x
// Grid       one invocation per vec4 of dx in a line, or with WINDOWS (windows side by side: SIZE is
//            STRIDE) per vec4 of a window, those cut off by the edge included; z: replica. UNROLL:
//            SIZE, if it is small, or 0
// Reference  shared/engine/reference/pool.ts; 1e-6 relative, exact where windows do not overlap
// @include lib/activation.wgsl

override ITEMS: u32;     // invocations of one replica
override H: u32;
override W: u32;
override C4: u32;
override OH: u32;
override OW: u32;
override SIZE: u32;      // cells of the window in y and in x
override STRIDE: u32;
override DY_STRIDE: u32; // vec4s between replicas
override X_STRIDE: u32;
override Y_STRIDE: u32;
override DX_STRIDE: u32;
override SAVED_STRIDE: u32 = 0u;

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
//% if SLOPE && !OWN
@group(0) @binding(4) var<storage, read> saved: array<vec4f>;
//% end

// Stores the gradient of the cell at `at`, whose x is `own`.
fn store(replica: u32, at: u32, own: vec4f, gradient: vec4f) {
//% if SLOPE
//% if OWN
  let slope = activation_slope(own);
//% else
  let slope = activation_slope(saved[replica * SAVED_STRIDE + at]);
//% end
  dx[replica * DX_STRIDE + at] = gradient * slope;
//% else
  dx[replica * DX_STRIDE + at] = gradient;
//% end
}

@compute @workgroup_size(64)
fn max_pool_grad(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  if (i >= ITEMS) { return; }
  let c = i % C4;
//% if WINDOWS
  let across = (W + SIZE - 1u) / SIZE;
  let down = (H + SIZE - 1u) / SIZE;
  let ox = i / C4 % across;
  let oy = i / (C4 * across) % down;
  let image = i / (C4 * across * down);
  let whole = ox < OW && oy < OH;
  let at = ((image * OH + min(oy, OH - 1u)) * OW + min(ox, OW - 1u)) * C4 + c;
  let largest = y[replica * Y_STRIDE + at];
  let g = select(vec4f(0.0), dy[replica * DY_STRIDE + at], whole);
  var taken = vec4<bool>(false);
  let corner = ((image * H + oy * SIZE) * W + ox * SIZE) * C4 + c;
//% if UNROLL
//% for k in 0..UNROLL*UNROLL
  if (oy * SIZE + ${k/UNROLL}u < H && ox * SIZE + ${k%UNROLL}u < W) {
    let cell = corner + (${k/UNROLL}u * W + ${k%UNROLL}u) * C4;
    let own = x[replica * X_STRIDE + cell];
    let first = (own == largest) & !taken;
    taken = taken | first;
    store(replica, cell, own, select(vec4f(0.0), g, first));
  }
//% end
//% else
  for (var ky = 0u; ky < SIZE; ky++) {
    for (var kx = 0u; kx < SIZE; kx++) {
      if (oy * SIZE + ky < H && ox * SIZE + kx < W) {
        let cell = corner + (ky * W + kx) * C4;
        let own = x[replica * X_STRIDE + cell];
        let first = (own == largest) & !taken;
        taken = taken | first;
        store(replica, cell, own, select(vec4f(0.0), g, first));
      }
    }
  }
//% end
//% else
  let ix = i / C4 % W;
  let iy = i / (C4 * W) % H;
  let image = i / (C4 * W * H);
  // Outputs whose window holds the cell.
  let oy_end = min(iy / STRIDE + 1u, OH);
  let oy_start = select(0u, (iy - SIZE) / STRIDE + 1u, iy >= SIZE);
  let ox_end = min(ix / STRIDE + 1u, OW);
  let ox_start = select(0u, (ix - SIZE) / STRIDE + 1u, ix >= SIZE);
  let x_base = replica * X_STRIDE + image * H * W * C4 + c;
  let own = x[replica * X_STRIDE + i];
  var sum = vec4f(0.0);
  for (var oy = oy_start; oy < oy_end; oy++) {
    for (var ox = ox_start; ox < ox_end; ox++) {
      let at = ((image * OH + oy) * OW + ox) * C4 + c;
      let largest = y[replica * Y_STRIDE + at];
      var first = own == largest;
      // Not the first if an earlier cell of the window holds the same number.
      let earlier = (iy - oy * STRIDE) * SIZE + ix - ox * STRIDE;
      for (var k = 0u; k < earlier; k++) {
        let cell = (oy * STRIDE + k / SIZE) * W + ox * STRIDE + k % SIZE;
        first = first & (x[x_base + cell * C4] != largest);
      }
      sum += select(vec4f(0.0), dy[replica * DY_STRIDE + at], first);
    }
  }
  store(replica, i, own, sum);
//% end
}
