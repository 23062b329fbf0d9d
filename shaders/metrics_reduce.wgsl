// metrics_reduce: the step's numbers into its row of the metrics table, and on to the next step
//
//   metrics[step - chunk start, replica] = (mean loss over valid rows, correct, valid, 0)
//   control[NEXT] = control[STEP] + 1
//
// Shapes     row_stats [R, B]; metrics [chunk, R]
// Grid       one invocation; z: replica
// Reference  shared/engine/reference/metrics.ts; eight interleaved sums
// @include lib/control.wgsl
// @include lib/metrics.wgsl

@group(0) @binding(0) var<storage, read> row_stats: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> control: array<u32>;
@group(0) @binding(2) var<storage, read_write> metrics: array<vec4f>;

@compute @workgroup_size(1)
fn metrics_reduce(@builtin(workgroup_id) group: vec3u) {
  let replica = group.z;
  let step = control[CONTROL_STEP];
  let at = (step - control[CONTROL_CHUNK_START]) * REPLICAS + replica;
  metrics[at] = metrics_of_rows(replica);
  if (replica == 0u) { control[CONTROL_NEXT] = step + 1u; }
}
