// fma_peak: chains of multiply-adds that touch no memory, eight vec4s at once
//
// Shapes     result [INVOCATIONS]; one sum of each invocation, so that no compiler drops the work
// Grid       one invocation per result

override ROUNDS: u32;

@group(0) @binding(0) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn fma_peak(@builtin(global_invocation_id) id: vec3u) {
  let x = vec4f(f32(id.x & 15u) * 0.01 + 0.5);
  var a = x;
  var b = x + 0.1;
  var c = x + 0.2;
  var d = x + 0.3;
  var e = x + 0.4;
  var f = x + 0.5;
  var g = x + 0.6;
  var h = x + 0.7;
  for (var i = 0u; i < ROUNDS; i++) {
    a = fma(a, x, b);
    b = fma(b, x, c);
    c = fma(c, x, d);
    d = fma(d, x, e);
    e = fma(e, x, f);
    f = fma(f, x, g);
    g = fma(g, x, h);
    h = fma(h, x, a);
  }
  let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
  result[id.x] = sum.x + sum.y + sum.z + sum.w;
}
