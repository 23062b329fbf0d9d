// What the optimizers share: the control words, the schedule row of a parameter group, the metrics
// row of the step. The file that includes this declares `control: Control`, `metrics`, and
// `row_stats` or, with NORM, gradient_norm's `norm` [R, 2].
// @include lib/control.wgsl
// @include lib/finite.wgsl
//% if !NORM
// @include lib/metrics.wgsl
//% end

override GROUPS_AT: u32;  // schedule column of the first parameter group

// The control buffer with its fault word atomic: many invocations may meet the first fault.
struct Control {
  next: u32,
  step: u32,
  chunk_start: u32,
  fault: atomic<u32>,
  reserved: vec4u,
  words: array<u32>,  // from CONTROL_SEEDS on
}

// (learning rate, 1 / (1 - beta1^age), 1 / (1 - beta2^age), weight decay) of a parameter group
fn group_schedule(group: u32, replica: u32) -> vec4f {
  let at = schedule_row(control.step, control.chunk_start, replica) + GROUPS_AT + 4u * group
    - CONTROL_SEEDS;
  let rate = control.words[at];
  let correction1 = control.words[at + 1u];
  let correction2 = control.words[at + 2u];
  let decay = control.words[at + 3u];
  return bitcast<vec4f>(vec4u(rate, correction1, correction2, decay));
}

// Notes the first step with a gradient that is not finite; later ones leave it.
fn report_fault() {
  loop {
    let seen = atomicCompareExchangeWeak(&control.fault, 0u, control.step + 1u);
    if (seen.exchanged || seen.old_value != 0u) { break; }
  }
}

// Writes the metrics row and advances the step. By one invocation of each replica.
fn record_step(replica: u32) {
//% if NORM
  let row = vec4f(norm[replica * 2u + 1u].xyz, norm[replica * 2u].x);
//% else
  let row = metrics_of_rows(replica);
//% end
  metrics[(control.step - control.chunk_start) * REPLICAS + replica] = row;
  if (replica == 0u) { control.next = control.step + 1u; }
}
