// One row of class scores and its label, as the losses see it. The file that includes this declares
// `logits` and `labels`.
// @include lib/finite.wgsl

override BATCH: u32;         // B
override K: u32;             // classes
override K4: u32;            // vec4s in a row
override X_STRIDE: u32;      // vec4s between the replicas' logits
override Y_STRIDE: u32;      // words between the replicas' labels

const NO_LABEL = 0xffffffffu;  // a row past the end of the data: it counts for nothing

struct ClassRow {
  at: u32,        // first vec4 of the logits
  out: u32,       // first vec4 of the gradient
  label: u32,
  best: u32,      // first class with the largest score
  top: f32,       // that score
  sound: bool,    // all scores are finite and the label is a class
}

fn class_row(row: u32, replica: u32) -> ClassRow {
  var r: ClassRow;
  r.at = replica * X_STRIDE + row * K4;
  r.out = (replica * BATCH + row) * K4;
  r.label = labels[replica * Y_STRIDE + row];
  r.best = 0u;
  r.top = logits[r.at].x;
  r.sound = r.label < K;
  for (var n = 0u; n < K4; n++) {
    let v = logits[r.at + n];
    r.sound = r.sound && all(finite4(v));
//% for q in 0..4
    if (n * 4u + ${q}u < K && v.${lane(q)} > r.top) {
      r.top = v.${lane(q)};
      r.best = n * 4u + ${q}u;
    }
//% end
  }
  return r;
}

// Which lanes of vec4 n are classes, and not padding.
fn real_classes(n: u32) -> vec4<bool> {
  return vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(K);
}

fn one_hot(n: u32, label: u32) -> vec4f {
  return select(vec4f(0.0), vec4f(1.0), vec4u(n * 4u) + vec4u(0u, 1u, 2u, 3u) == vec4u(label));
}
