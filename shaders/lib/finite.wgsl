// Tests for NaN and infinity by bits: a compiler may assume that floats are finite and drop
// comparisons.

fn finite4(v: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(v) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
}

fn finite1(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}

// NaN, from a number known only at run time: WGSL rejects a constant NaN.
fn not_a_number(any: u32) -> f32 {
  return bitcast<f32>(0x7fc00000u | min(any, 1u));
}
