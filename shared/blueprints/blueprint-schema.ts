/** The blueprint contract as JSON Schema, for editors. */
import { z } from 'zod';
import { Blueprint } from '../contracts/blueprint.ts';

/** JSON Schema (2020-12) of a blueprint file: keys with a default may be left out. */
export function blueprintJsonSchema(): Record<string, unknown> {
  const { properties, ...schema } = z.toJSONSchema(Blueprint, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const hint = { type: 'string', description: 'Where an editor finds the schema' };
  return {
    title: 'Esper Workbench blueprint',
    ...schema,
    properties: { $schema: hint, ...properties },
  };
}
