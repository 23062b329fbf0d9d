// gather_part: the rows of this step's batch that lie in one part of a data set too large for a binding
//
//   position p = control[STEP] * B + b; row of p as in gather_batch, which ran before; rows outside
//   FIRST to FIRST + PART_ROWS are left to the other parts
//
// Shapes     x [R, B, F], part [PART_ROWS, F]; F a multiple of 4
// Grid       CHUNKS invocations a row, each copies every CHUNKS-th vec4, in a line; z: replica
// Reference  shared/engine/reference/micro-batches.ts; exact
// @include lib/control.wgsl
//% if SHUFFLE
// @include lib/permutation.wgsl
//% end

override ROWS: u32;            // N, all parts together
override BATCH: u32;           // B
override FIRST: u32;           // first row of the part
override PART_ROWS: u32;
override F4: u32;              // vec4s in a row
override CHUNKS: u32;
override HALF_BITS: u32 = 1u;  // smallest with 2^(2 * HALF_BITS) >= N
override STREAM: u32 = 0u;

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> part: array<vec4f>;
@group(0) @binding(2) var<storage, read> control: array<u32>;

@compute @workgroup_size(64)
fn gather_part(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  let b = index / CHUNKS;
  if (b >= BATCH) { return; }
  let position = control[CONTROL_STEP] * BATCH + b;
//% if SHUFFLE
  let seed = control[CONTROL_SEEDS + replica];
  let row = permute(position % ROWS, ROWS, HALF_BITS, seed, STREAM, position / ROWS);
//% else
  let row = position;
//% end
  // Rows before the part wrap around to numbers far beyond it.
  let own = row - FIRST;
  if (own >= PART_ROWS) { return; }
  let to_row = (replica * BATCH + b) * F4;
  for (var f = index % CHUNKS; f < F4; f += CHUNKS) {
    x[to_row + f] = part[own * F4 + f];
  }
}
