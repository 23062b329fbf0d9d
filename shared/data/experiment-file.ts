/**
 * Experiment files: JSON text to a checked Experiment. All faults of a file are reported at once,
 * each with its line and column, its key, and what to write instead.
 */
import type { z } from 'zod';
import { InputError } from '../base/errors.ts';
import { contradictions } from '../contracts/contradictions.ts';
import { mapDataPaths } from '../contracts/data-paths.ts';
import { Experiment } from '../contracts/experiment.ts';
import { closestWord } from './closest-word.ts';
import { descriptionAt, knownKeys } from './experiment-schema.ts';
import { JsonSyntaxError, type LocatedJson, parseLocatedJson } from './json-text.ts';

type Issue = z.core.$ZodIssue;

/**
 * Parses and checks an experiment file. Defaults are filled in; data paths are left as written
 * (see resolveDataPaths).
 *
 * @param fileName Named in messages.
 * @throws {InputError} Listing every fault:
 *   `Cannot use experiment "a.json":`
 *   `  a.json:4:3: unknown key "batchsize", did you mean "batchSize"?`
 */
export function parseExperiment(text: string, fileName: string): Experiment {
  let located: LocatedJson;
  try {
    located = parseLocatedJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { line, column } = error.position;
    throw new InputError(`Cannot read ${fileName}:${line}:${column}: ${error.message}`, {
      cause: error,
    });
  }
  const result = Experiment.safeParse(located.value);
  const faults = result.success
    ? contradictions(result.data)
    : result.error.issues.flatMap((issue) => describeIssue(issue, located.value));
  if (result.success && faults.length === 0) return result.data;
  const lines = faults
    .map((fault) => ({ fault, at: located.positionOf(fault.path) }))
    .sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
    .map(({ fault, at }) => `  ${fileName}:${at.line}:${at.column}: ${fault.message}`);
  throw new InputError(`Cannot use experiment "${fileName}":\n${lines.join('\n')}`);
}

interface Fault {
  path: readonly PropertyKey[];
  message: string;
}

function describeIssue(issue: Issue, root: unknown): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path, root);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const hint = suggestion(key, known) ?? `known here: ${known.join(', ')}`;
      return { path, message: `unknown key "${nameOf(path)}", ${hint}` };
    });
  }
  return [{ path: issue.path, message: describeValue(issue, root) }];
}

function describeValue(issue: Issue, root: unknown): string {
  const name = issue.path.length === 0 ? 'the file' : `"${nameOf(issue.path)}"`;
  const value = valueAt(root, issue.path);
  const options = optionsOf(issue);
  if (value === undefined) {
    const choices = options.length > 0 ? `: one of ${options.join(', ')}` : '';
    return `${name} is missing${choices}`;
  }
  const shown = JSON.stringify(value);
  const given = `${name} is ${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown}`;
  if (options.length > 0) {
    const hint = typeof value === 'string' ? suggestion(value, options) : null;
    return `${given}, expected ${hint ? '' : 'one of '}${options.join(', ')}${hint ? `; ${hint}` : ''}`;
  }
  const meaning = issue.code === 'invalid_union' ? descriptionAt(issue.path, root) : null;
  return `${given}, expected ${expectation(issue)}${meaning ? `; ${decapitalise(meaning)}` : ''}`;
}

function optionsOf(issue: Issue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map(String);
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options)) {
    return issue.options.map(String);
  }
  return [];
}

/** What would be right, in words; Zod's own message where it says as much. */
function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected);
    case 'invalid_value':
      return issue.values.map(String).join(', ');
    case 'too_small':
      return bound(
        issue.origin,
        issue.inclusive === false ? 'more than' : 'at least',
        issue.minimum,
      );
    case 'too_big':
      return bound(
        issue.origin,
        issue.inclusive === false ? 'less than' : 'at most',
        issue.maximum,
      );
    case 'invalid_union':
      return issue.errors
        .map((branch) => branch.map(expectation).join(' and '))
        .filter((text) => text !== '')
        .join(', or ');
    default:
      return issue.message;
  }
}

function bound(origin: string, comparison: string, limit: number | bigint): string {
  const plural = Number(limit) === 1 ? '' : 's';
  if (origin === 'array') return `${comparison} ${limit} item${plural}`;
  if (origin === 'string') return `${comparison} ${limit} character${plural}`;
  return `${comparison} ${limit}`;
}

function article(type: string): string {
  if (type === 'int') return 'a whole number';
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function decapitalise(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function suggestion(word: string, known: readonly string[]): string | null {
  const closest = closestWord(word, known);
  return closest === null ? null : `did you mean "${closest}"?`;
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (name, key) =>
      typeof key === 'number'
        ? `${name}[${key}]`
        : name === ''
          ? String(key)
          : `${name}.${String(key)}`,
    '',
  );
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined,
    root,
  );
}

/**
 * The experiment with its data paths relative to where the experiment was read from, instead of
 * to the experiment file. Absolute paths and addresses stay as they are.
 *
 * @param folder Folder of the experiment file; empty: the paths stay as they are.
 */
export function resolveDataPaths(experiment: Experiment, folder: string): Experiment {
  const one = (path: string) => joinPath(folder, path);
  const { data, initialWeights } = experiment;
  const weights = initialWeights === undefined ? {} : { initialWeights: one(initialWeights) };
  return { ...experiment, ...weights, data: mapDataPaths(data, one) };
}

/** `folder/path` with `.` and `..` taken out, as far as the folder's own parts reach. */
export function joinPath(folder: string, path: string): string {
  const isAbsolute = /^([/\\]|[a-z]:[/\\]|[a-z][a-z0-9+.-]+:\/\/)/i.test(path);
  if (folder === '' || isAbsolute) return path;
  const parts: string[] = [];
  for (const part of `${folder}/${path}`.split('/')) {
    if (part === '.' || (part === '' && parts.length > 0)) continue;
    const last = parts.at(-1);
    if (part === '..' && last === '') continue;
    if (part === '..' && last !== undefined && last !== '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/') || '.';
}
