// Counter-based random numbers, Philox4x32-10. Twin: shared/base/random.ts philox(); one test
// vector holds the two. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

// High and low word of a 32x32-bit product, by halves: WGSL has no 64-bit integers.
fn multiply_wide(a: u32, b: u32) -> vec2u {
  let ah = a >> 16u;
  let al = a & 0xffffu;
  let bh = b >> 16u;
  let bl = b & 0xffffu;
  let mid = ah * bl + ((al * bl) >> 16u);
  let mid2 = al * bh + (mid & 0xffffu);
  return vec2u(ah * bh + (mid >> 16u) + (mid2 >> 16u), a * b);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let a = multiply_wide(0xd2511f53u, c.x);
    let b = multiply_wide(0xcd9e8d57u, c.z);
    c = vec4u(b.x ^ c.y ^ k.x, b.y, a.x ^ c.w ^ k.y, a.y);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}
