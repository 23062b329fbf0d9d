/** Activations that a network of this project may use. */
import { z } from 'zod';

export const Activation = z.enum(['relu', 'tanh', 'sigmoid', 'gelu', 'leaky_relu', 'silu']);
export type Activation = z.infer<typeof Activation>;
