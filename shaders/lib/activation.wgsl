// Activation functions and their slopes. ACT: 0 none, 1 relu, 2 tanh, 3 sigmoid, 4 gelu (tanh form),
// 5 leaky_relu (0.01 below zero), 6 silu.
// The slope takes what the forward pass saved: the output for 1 to 3 and 5, the input for 4 and 6.

fn activate(v: vec4f) -> vec4f {
//% if ACT == 1
  // Not max(): on some drivers it would hide a NaN.
  return select(v, vec4f(0.0), v < vec4f(0.0));
//% end
//% if ACT == 2
  // The clamp changes no bit of the result and keeps drivers that compute tanh through exp finite.
  return tanh(clamp(v, vec4f(-15.0), vec4f(15.0)));
//% end
//% if ACT == 3
  return 1.0 / (1.0 + exp(-v));
//% end
//% if ACT == 4
  let u = 0.7978845608 * (v + 0.044715 * v * v * v);
  return 0.5 * v * (1.0 + tanh(clamp(u, vec4f(-15.0), vec4f(15.0))));
//% end
//% if ACT == 5
  return select(v, 0.01 * v, v < vec4f(0.0));
//% end
//% if ACT == 6
  // The clamp keeps the divisor within the range that WGSL divides exactly; NaN stays in v.
  return v / (1.0 + exp(clamp(-v, vec4f(-80.0), vec4f(80.0))));
//% end
//% if ACT == 0
  return v;
//% end
}

fn activation_slope(saved: vec4f) -> vec4f {
//% if SLOPE == 1
  return select(vec4f(0.0), vec4f(1.0), saved > vec4f(0.0));
//% end
//% if SLOPE == 2
  return 1.0 - saved * saved;
//% end
//% if SLOPE == 3
  return saved * (1.0 - saved);
//% end
//% if SLOPE == 4
  let u = 0.7978845608 * (saved + 0.044715 * saved * saved * saved);
  let t = tanh(clamp(u, vec4f(-15.0), vec4f(15.0)));
  let du = 0.7978845608 * (1.0 + 0.134145 * saved * saved);
  return 0.5 * (1.0 + t) + 0.5 * saved * (1.0 - t * t) * du;
//% end
//% if SLOPE == 5
  return select(vec4f(0.01), vec4f(1.0), saved > vec4f(0.0));
//% end
//% if SLOPE == 6
  let s = 1.0 / (1.0 + exp(clamp(-saved, vec4f(-80.0), vec4f(80.0))));
  return s * (1.0 + saved * (1.0 - s));
//% end
//% if SLOPE == 0
  return vec4f(1.0);
//% end
}
