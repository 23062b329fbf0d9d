// Tokens as words, or with FLOAT as whole floats, in rows of T stored with TOKENS_STORED. The file
// that includes this declares `tokens`.

override T: u32;
override TOKENS_STORED: u32;
override TOKENS_STRIDE: u32;  // elements between replicas

const NO_TOKEN = 0xffffffffu;

fn token_at(replica: u32, row: u32) -> u32 {
  let v = tokens[replica * TOKENS_STRIDE + row / T * TOKENS_STORED + row % T];
//% if FLOAT
  // Not a token: below zero, too large for a float to count, or no number at all.
  if (!(v > -0.5 && v < 16777216.0)) { return NO_TOKEN; }
  return u32(v + 0.5);
//% else
  return v;
//% end
}
