// The end of linear, whatever kept the sums s<i>_<j>: bias, blend, activation, and the stores of what
// lies within the edges. Needs row, column and n<j> of the tile, and w_base. LOOPED: rows in a loop,
// a quarter of the compile time on CPU renderers; hardware would spill the array it indexes.
//% if BLEND
  let alpha = bitcast<f32>(control[schedule_row(control[CONTROL_STEP], control[CONTROL_CHUNK_START], replica) + ALPHA]);
//% end
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * WX < N4) {
//% else
  {
//% end
//% if BIAS
    let bias${j} = bias[w_base + n${j}];
//% end
//% if ACT == 3
    let real = vec4u(n${j} * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(N);
//% end
//% if LOOPED
    var sums = array<vec4f, ${TM}>(
//% for i in 0..TM
      s${i}_${j},
//% end
    );
//% end
//% for i in 0..TM*(1-LOOPED)+LOOPED
//% if LOOPED
    for (var i = 0u; i < ${TM}u; i++) {
      let m = row + i;
      var v = sums[i];
//% else
    {
      let m = row + ${i}u;
      var v = s${i}_${j};
//% end
//% if ROW_EDGE
      if (m < M) {
//% else
      {
//% end
        let at = (replica * M + m) * N4 + n${j};
//% if BIAS
        v += bias${j};
//% end
//% if BLEND == 1
        let host = z[at];
        v = select(fma(vec4f(alpha), v, host), host, alpha == 0.0);
//% end
//% if BLEND == 2
        let host = z[at];
        v = select(fma(vec4f(alpha), v - host, host), host, alpha == 0.0);
//% end
        v = activate(v);
//% if ACT == 3
        // sigmoid(0) is not 0: keep the padding zero.
        v = select(vec4f(0.0), v, real);
//% end
        y[at] = v;
      }
    }
//% end
  }
//% end
