// Words of the control buffer. Twin: shared/engine/kernels/control.ts.
// The buffer is bound as words, since the schedule's length is known only at run time; this struct
// is the layout of its head, which a test compares with the constants and with the twin.
struct ControlHeader {
  next: u32,
  step: u32,
  chunk_start: u32,
  fault: u32,         // 1 + first step whose gradients were not finite; 0: none
  reserved: vec4u,
  first_seed: u32,    // seed of replica 0; the others follow
}

const CONTROL_NEXT = 0u;
const CONTROL_STEP = 1u;
const CONTROL_CHUNK_START = 2u;
const CONTROL_FAULT = 3u;
const CONTROL_SEEDS = 8u;

override REPLICAS: u32 = 1u;
override SCHEDULE_BASE: u32 = 12u;
override SCHEDULE_COLUMNS: u32 = 4u;

// Index of the first word of the schedule row of `step` for one replica.
fn schedule_row(step: u32, chunk_start: u32, replica: u32) -> u32 {
  return SCHEDULE_BASE + ((step - chunk_start) * REPLICAS + replica) * SCHEDULE_COLUMNS;
}
