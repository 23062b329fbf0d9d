// Which lanes of vec4 n hold channels from `first` to before `last`: groups and rows may end within
// a vec4.

fn channels_within(n: u32, first: u32, last: u32) -> vec4<bool> {
  let channel = vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u);
  return (channel >= vec4u(first)) & (channel < vec4u(last));
}

fn sum4(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}
