// Mean and 1 / deviation of four neighbouring channels of a row. STATS: 0 per channel, 1 per group
// where a vec4 lies within one group, 2 per group where a vec4 may span several. The file that
// includes this declares `stats`: [R, 2, C] for 0, one vec4 (mean, 1 / deviation, 0, 0) per segment
// and group otherwise.

override C4: u32;            // vec4s in a row
override ROWS: u32;          // rows of a segment: those that share statistics
override GROUPS: u32 = 1u;
override CG: u32 = 1u;       // channels of a group
override STATS_STRIDE: u32;  // vec4s between replicas

struct Moments {
  mean: vec4f,
  inverse: vec4f,
}

fn group_of(channel: u32) -> u32 {
  return min(channel / CG, GROUPS - 1u);
}

fn moments(replica: u32, row: u32, n: u32) -> Moments {
  let base = replica * STATS_STRIDE;
//% if STATS == 0
  return Moments(stats[base + n], stats[base + C4 + n]);
//% end
//% if STATS == 1
  let s = stats[base + row / ROWS * GROUPS + group_of(n * 4u)];
  return Moments(vec4f(s.x), vec4f(s.y));
//% end
//% if STATS == 2
  let first = base + row / ROWS * GROUPS;
//% for q in 0..4
  let s${q} = stats[first + group_of(n * 4u + ${q}u)];
//% end
  return Moments(vec4f(s0.x, s1.x, s2.x, s3.x), vec4f(s0.y, s1.y, s2.y, s3.y));
//% end
}
