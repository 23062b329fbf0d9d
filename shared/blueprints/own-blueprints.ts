/** Blueprints of a person's own: from the text of a file to what a run can find by name. */
import { InputError, messageOf } from '../base/errors.ts';
import { Blueprint } from '../contracts/blueprint.ts';
import { validateBlueprint } from './blueprint-rules.ts';
import { isLibraryName, libraryBlueprint } from './library.ts';

/**
 * Reads a blueprint file: JSON as docs/blueprints.md describes.
 *
 * @param fileName Named in messages.
 * @throws {InputError} Listing every fault with its key:
 *   `Cannot use blueprint file "a.json": "nodes[1].units" …`
 */
export function parseBlueprint(text: string, fileName: string): Blueprint {
  const fail = (reason: string, cause?: unknown): never => {
    throw new InputError(`Cannot use blueprint file "${fileName}": ${reason}`, { cause });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    fail(`it is not JSON: ${messageOf(error)}`, error);
  }
  // An editor's hint where to find the schema is no part of a blueprint.
  if (typeof value === 'object' && value !== null && '$schema' in value) {
    const { $schema, ...rest } = value as Record<string, unknown>;
    value = rest;
  }
  const result = Blueprint.safeParse(value);
  if (!result.success) {
    const faults = result.error.issues.map(({ message, path }) => {
      const key = path.reduce<string>(
        (name, part) =>
          typeof part === 'number' ? `${name}[${part}]` : `${name}${name && '.'}${String(part)}`,
        '',
      );
      return `${key ? `"${key}"` : 'the file'}: ${message}`;
    });
    fail(faults.join('; '));
  }
  const blueprint = result.data as Blueprint;
  if (isLibraryName(blueprint.name)) {
    fail(`its name "${blueprint.name}" is one of the library's; choose another`);
  }
  try {
    validateBlueprint(blueprint);
  } catch (error) {
    fail(messageOf(error), error);
  }
  return blueprint;
}

/**
 * Finds blueprints by name: a person's own, then the library's.
 *
 * @throws {InputError} If two of `own` have one name, or one is not valid.
 */
export function blueprintFinder(own: readonly Blueprint[] = []): (name: string) => Blueprint {
  const byName = new Map<string, Blueprint>();
  for (const blueprint of own) {
    validateBlueprint(blueprint);
    if (byName.has(blueprint.name) || isLibraryName(blueprint.name)) {
      throw new InputError(
        `Cannot use two blueprints of the name "${blueprint.name}": rename the one of your own`,
      );
    }
    byName.set(blueprint.name, blueprint);
  }
  return (name) => byName.get(name) ?? libraryBlueprint(name);
}
