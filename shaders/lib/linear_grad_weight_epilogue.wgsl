// The end of linear_grad_weight, whatever kept the sums s<i>_<j> and b_sum<j>: the stores of what lies
// within the edges. Needs row, column and n<j> of the tile. LOOPED: as in linear_epilogue.wgsl.
  let base = replica * G_STRIDE;
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * WX < N4) {
//% else
  {
//% end
//% if LOOPED
    var sums = array<vec4f, ${4*TM4}>(
//% for i in 0..4*TM4
      s${i}_${j},
//% end
    );
    for (var i = 0u; i < ${4*TM4}u; i++) {
      let k = row * 4u + i;
//% if ROW_EDGE
      if (k < K4 * 4u) {
//% else
      {
//% end
        gradients[base + k * N4 + n${j}] = sums[i];
      }
    }
//% else
//% for i in 0..TM4
//% if ROW_EDGE
    if (row + ${i}u < K4) {
//% else
    {
//% end
//% for q in 0..4
      gradients[base + ((row + ${i}u) * 4u + ${q}u) * N4 + n${j}] = s${4*i+q}_${j};
//% end
    }
//% end
//% end
//% if BIAS
    if (row == 0u) {
//% if SEPARATE
      grad_bias[replica * B_STRIDE + n${j}] = b_sum${j};
//% else
      gradients[base + BIAS_AT + n${j}] = b_sum${j};
//% end
    }
//% end
  }
//% end
