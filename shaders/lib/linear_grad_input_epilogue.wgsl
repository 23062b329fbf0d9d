// The end of linear_grad_input, whatever kept the sums s<i>_<j>: the slope of the saved activation, and
// the stores of what lies within the edges. Needs row, column and k<j> of the tile.
//% for j in 0..TN4
//% if COLUMN_EDGE
  if (column + ${j}u * WX < K4) {
//% else
  {
//% end
//% for i in 0..TM
//% if ROW_EDGE
    if (row + ${i}u < M) {
//% else
    {
//% end
      let at = (replica * M + row + ${i}u) * K4 + k${j};
//% if SLOPE
      dx[at] = s${i}_${j} * activation_slope(saved[at]);
//% else
      dx[at] = s${i}_${j};
//% end
    }
//% end
  }
//% end
