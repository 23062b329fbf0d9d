// Keyed permutation of [0, n): a Feistel network over 2 * half_bits bits that is walked until it
// falls below n. Twin: shared/base/permutation.ts, compared by the GPU tests.
// Source: Black & Rogaway 2002, "Ciphers with arbitrary finite domains" (cycle walking).
// @include lib/philox.wgsl

// Mixes all bits of a word. Source: "lowbias32", Chris Wellons 2018, hash-prospector.
fn mix_word(word: u32) -> u32 {
  var x = word;
  x = (x ^ (x >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}

// index < n <= 2^(2 * half_bits), half_bits at most 16. Walks fewer than 4 times on average.
fn permute(index: u32, n: u32, half_bits: u32, seed: u32, stream: u32, epoch: u32) -> u32 {
  let keys = philox(vec4u(epoch, 0u, 0u, 0u), vec2u(seed, stream));
  let mask = (1u << half_bits) - 1u;
  var value = index;
  loop {
    var left = value >> half_bits;
    var right = value & mask;
//% for r in 0..6
    {
      let next = left ^ (mix_word(right ^ (keys.${lane(r % 4)} + ${r}u)) & mask);
      left = right;
      right = next;
    }
//% end
    value = (left << half_bits) | right;
    if (value < n) { break; }
  }
  return value;
}
