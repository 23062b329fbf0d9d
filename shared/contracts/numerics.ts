/** The format in which products multiply their operands; engine/plan/numerics.ts says what each does. */
import { z } from 'zod';

export const Numerics = z.enum(['f32', 'f16-multiply']);
export type Numerics = z.infer<typeof Numerics>;
