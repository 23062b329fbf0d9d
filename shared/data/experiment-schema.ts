/**
 * The experiment contract as JSON Schema, for editors and for saying which keys an object may
 * have.
 */
import { z } from 'zod';
import { Experiment } from '../contracts/experiment.ts';

export interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema | boolean;
  const?: unknown;
  enum?: unknown[];
  type?: string;
  description?: string;
  [key: string]: unknown;
}

/** JSON Schema (2020-12) of what a person may write: keys with a default may be left out. */
export function experimentJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(Experiment, { io: 'input', override: dropSafeIntegerBounds });
  return { title: 'Esper Workbench experiment', ...schema } as JsonSchema;
}

/** Bounds at 2^53 say only that numbers are numbers; in an editor they are noise. */
function dropSafeIntegerBounds({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
}

/** Schemas that apply at `path` of `value`; several where alternatives fit. */
function schemasAt(path: readonly PropertyKey[], value: unknown): JsonSchema[] {
  const root = experimentJsonSchema();
  let schemas = alternatives(root, value, root);
  let current = value;
  for (const key of path) {
    current = isRecord(current) || Array.isArray(current) ? Reflect.get(current, key) : undefined;
    schemas = schemas.flatMap((schema) => {
      const next = typeof key === 'number' ? schema.items : schema.properties?.[String(key)];
      return typeof next === 'object' ? alternatives(next, current, root) : [];
    });
  }
  return schemas;
}

/** The branches of a union whose fixed keys (`source`, `kind`) agree with `value`. */
function alternatives(schema: JsonSchema, value: unknown, root: JsonSchema): JsonSchema[] {
  const name =
    typeof schema['$ref'] === 'string' ? /^#\/\$defs\/(.+)$/.exec(schema['$ref'])?.[1] : null;
  const named = name ? (root['$defs'] as Record<string, JsonSchema>)[name] : null;
  if (named) return alternatives(named, value, root);
  const branches = schema.oneOf ?? schema.anyOf;
  if (!branches) return [schema];
  const inner = branches.flatMap((branch) => alternatives(branch, value, root));
  const fitting = inner.filter((branch) =>
    Object.entries(branch.properties ?? {}).every(([key, property]) => {
      const given = isRecord(value) ? value[key] : undefined;
      const isTag = (branch['required'] as string[] | undefined)?.includes(key);
      if (!isTag || given === undefined) return true;
      if (property.const !== undefined) return property.const === given;
      return property.enum === undefined || property.enum.includes(given);
    }),
  );
  return fitting.length > 0 ? fitting : inner;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys the object at `path` may have, in the contract's order. */
export function knownKeys(path: readonly PropertyKey[], value: unknown): string[] {
  const keys = schemasAt(path, value).flatMap((schema) => Object.keys(schema.properties ?? {}));
  return [...new Set(keys)];
}

/** The contract's description of what stands at `path`, or null. */
export function descriptionAt(path: readonly PropertyKey[], value: unknown): string | null {
  const key = path.at(-1);
  for (const parent of schemasAt(path.slice(0, -1), value)) {
    const description = parent.properties?.[String(key)]?.description;
    if (description) return description;
  }
  return null;
}
