// What the convolutions with groups share. MODE: 0 the lanes of a vec4 may lie in different groups,
// which are read number by number; 1 groups are whole vec4s; 2 depthwise with one output a channel.

override WX: u32 = 64u;
override H: u32;
override W: u32;
override C4: u32;        // vec4s in a pixel of the input
override OH: u32;
override OW: u32;
override O4: u32;        // vec4s in a pixel of the output
override KH: u32;
override KW: u32;
override STRIDE: u32;
override PAD: u32;
override PAD_Y: u32;
override DILATION: u32;
override CG: u32;        // input channels of a group
override OG: u32;        // output channels of a group
override DEPTH: u32;     // numbers, or with MODE 1 vec4s, that the loop over a group visits
override W_STRIDE: u32 = 0u;  // vec4s between replicas of the parameters

fn lanes_of(n: u32) -> vec4u {
  return vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u);
}
