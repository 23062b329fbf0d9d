// gather_batch: the rows of this step's batch, and the step itself
//
//   step = control[NEXT]; control[STEP] = step; position p = step * B + b
//   SHUFFLE  row = permutation of epoch p / N, at p % N; different for each replica's seed
//   else     row = p; rows past the end give x = 0 and label 0xffffffff, which losses skip
//   PART     dataset_x holds the first PART_ROWS rows alone; gather_part copies the others
//
// Shapes     dataset_x [N, F], dataset_y [N] u32, x [R, B, F], y [R, B] u32; F a multiple of 4.
//            p must stay below 2^32
// Grid       CHUNKS invocations a row, each copies every CHUNKS-th vec4, in a line; z: replica
// Reference  shared/base/permutation.ts; exact
// @include lib/control.wgsl
//% if SHUFFLE
// @include lib/permutation.wgsl
//% end

override ROWS: u32;            // N
override BATCH: u32;           // B
override F4: u32;              // vec4s in a row
override CHUNKS: u32;
override X_STRIDE: u32 = 0u;   // vec4s between the replicas' data sets; 0: shared
override Y_STRIDE: u32 = 0u;   // words
override HALF_BITS: u32 = 1u;  // smallest with 2^(2 * HALF_BITS) >= N
override STREAM: u32 = 0u;
//% if PART
override PART_ROWS: u32;
//% end

@group(0) @binding(0) var<storage, read> dataset_x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dataset_y: array<u32>;
@group(0) @binding(2) var<storage, read_write> control: array<u32>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn gather_batch(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let replica = group.z;
  let step = control[CONTROL_NEXT];
  if (index == 0u && replica == 0u) { control[CONTROL_STEP] = step; }
  let b = index / CHUNKS;
  if (b >= BATCH) { return; }
  let chunk = index % CHUNKS;
  let position = step * BATCH + b;
//% if SHUFFLE
  let seed = control[CONTROL_SEEDS + replica];
  let row = permute(position % ROWS, ROWS, HALF_BITS, seed, STREAM, position / ROWS);
  let real = true;
//% else
  let row = min(position, ROWS - 1u);
  let real = position < ROWS;
//% end
  let from_row = replica * X_STRIDE + row * F4;
  let to_row = (replica * BATCH + b) * F4;
//% if PART
  let last = select(F4, 0u, real & (row >= PART_ROWS));
//% else
  let last = F4;
//% end
  for (var f = chunk; f < last; f += CHUNKS) {
    x[to_row + f] = select(vec4f(0.0), dataset_x[from_row + f], real);
  }
  if (chunk == 0u) {
    y[replica * BATCH + b] = select(0xffffffffu, dataset_y[replica * Y_STRIDE + row], real);
  }
}
