/** The verdict contract as JSON Schema, for editors. */
import { z } from 'zod';
import { VerdictFile } from '../contracts/verdict.ts';

/** JSON Schema (2020-12) of what a person may write: keys with a default may be left out. */
export function verdictJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(VerdictFile, { io: 'input' });
  return { title: 'Esper Workbench verdict', ...schema };
}
