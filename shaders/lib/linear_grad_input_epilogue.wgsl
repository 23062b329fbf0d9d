// The end of linear_grad_input, whatever kept the sums s<i>_<j>: the slope of the saved activation, and
// the stores of what lies within the edges. Needs row, column and k<j> of the tile. LOOPED: as in
// linear_epilogue.wgsl.
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * WX < K4) {
//% else
  {
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
      let v = sums[i];
//% else
    {
      let m = row + ${i}u;
      let v = s${i}_${j};
//% end
//% if ROW_EDGE
      if (m < M) {
//% else
      {
//% end
        let at = (replica * M + m) * K4 + k${j};
//% if SLOPE
        dx[at] = v * activation_slope(saved[at]);
//% else
        dx[at] = v;
//% end
      }
    }
//% end
  }
//% end
