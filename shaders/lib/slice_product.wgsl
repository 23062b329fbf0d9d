// The products of one slice in workgroup memory, added to the sums s<i>_<j> of an invocation in the
// order of the slice: a_slice [rows, depth4] of vec4s along the sum, a row longer than the slice so
// that neighbours meet other banks; b_slice [4 depth4, columns4]. CHANNELS: numbers of a vec4 that count.
// kept_row gives an element of a_slice as it is multiplied.
    for (var k = 0u; k < depth4; k++) {
//% for i in 0..TM
      let a${i} = kept_row(a_slice[(local.y * ${TM}u + ${i}u) * ${SLICE/4+1}u + k]);
//% end
//% for q in 0..CHANNELS
      {
//% for j in 0..TN4
        let b${j} = kept(b_slice[(k * 4u + ${q}u) * ${WX*TN4}u + local.x + ${j*WX}u]);
//% end
//% for i in 0..TM
        let v${i} = vec4f(a${i}.${lane(q)});
//% for j in 0..TN4
        s${i}_${j} = fma(v${i}, b${j}, s${i}_${j});
//% end
//% end
      }
//% end
    }
