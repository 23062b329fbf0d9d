/** Activation functions and their slopes. Twin of shaders/lib/activation.wgsl. */

/** sqrt(2 / pi), and the cubic term of the tanh form of gelu. */
const GELU_SCALE = 0.7978845608;
const GELU_CUBIC = 0.044715;
/** Slope of leaky_relu below zero. */
const LEAK = 0.01;

export function sigmoid(v: number): number {
  return 1 / (1 + Math.exp(-v));
}

/** f(v); `none` is the identity. @throws {RangeError} If `kind` is unknown. */
export function activate(kind: string, v: number): number {
  switch (kind) {
    case 'none':
      return v;
    case 'relu':
      return Math.max(0, v);
    case 'tanh':
      return Math.tanh(v);
    case 'sigmoid':
      return sigmoid(v);
    case 'gelu':
      return 0.5 * v * (1 + Math.tanh(GELU_SCALE * (v + GELU_CUBIC * v * v * v)));
    case 'leaky_relu':
      return v < 0 ? LEAK * v : v;
    case 'silu':
      return v * sigmoid(v);
    default:
      throw new RangeError(`Cannot find activation "${kind}"`);
  }
}

/**
 * f'(.) from what the forward pass saved: the output for relu, tanh, sigmoid and
 * leaky_relu, the input for gelu and silu. At 0, relu and leaky_relu have the slope from below.
 */
export function activationSlope(kind: string, saved: number): number {
  switch (kind) {
    case 'none':
      return 1;
    case 'relu':
      return saved > 0 ? 1 : 0;
    case 'tanh':
      return 1 - saved * saved;
    case 'sigmoid':
      return saved * (1 - saved);
    case 'gelu': {
      const t = Math.tanh(GELU_SCALE * (saved + GELU_CUBIC * saved * saved * saved));
      const du = GELU_SCALE * (1 + 3 * GELU_CUBIC * saved * saved);
      return 0.5 * (1 + t) + 0.5 * saved * (1 - t * t) * du;
    }
    case 'leaky_relu':
      return saved > 0 ? 1 : LEAK;
    case 'silu': {
      const s = sigmoid(saved);
      return s * (1 + saved * (1 - s));
    }
    default:
      throw new RangeError(`Cannot find activation "${kind}"`);
  }
}
