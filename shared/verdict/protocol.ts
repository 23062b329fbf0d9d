/**
 * The protocol of a verdict: read from its file, checked, hashed, and written down before the first
 * run, so that nobody, the author included, can move the goal afterwards.
 */
import type { z } from 'zod';
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { InputError } from '../base/errors.ts';
import type { Experiment } from '../contracts/experiment.ts';
import {
  type ControlName,
  type Protocol,
  ProtocolRecord,
  VerdictFile,
} from '../contracts/verdict.ts';
import { closestWord } from '../data/closest-word.ts';
import { JsonSyntaxError, type LocatedJson, parseLocatedJson } from '../data/json-text.ts';
import { smallestSignedRankP } from './paired-tests.ts';

/**
 * Parses and checks a verdict file; its experiment is still as written.
 *
 * @param fileName Named in messages.
 * @throws {InputError} Listing every fault with its place:
 *   `Cannot use verdict "a.json":`
 *   `  a.json:4:3: unknown key "seed", did you mean "seeds"?`
 */
export function parseVerdictFile(text: string, fileName: string): VerdictFile {
  let located: LocatedJson;
  try {
    located = parseLocatedJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { column, line } = error.position;
    throw new InputError(`Cannot read ${fileName}:${line}:${column}: ${error.message}`, {
      cause: error,
    });
  }
  const result = VerdictFile.safeParse(located.value);
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap(faultsOf).map(({ message, path }) => {
    const { column, line } = located.positionOf(path);
    return `  ${fileName}:${line}:${column}: ${message}`;
  });
  throw new InputError(`Cannot use verdict "${fileName}":\n${lines.join('\n')}`);
}

interface Fault {
  path: readonly PropertyKey[];
  message: string;
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(VerdictFile.shape);
    return issue.keys.map((key) => {
      const guess = closestWord(key, known);
      const hint = guess ? `did you mean "${guess}"?` : `known here: ${known.join(', ')}`;
      return { path: [...issue.path, key], message: `unknown key "${key}", ${hint}` };
    });
  }
  const name = issue.path.length > 0 ? `"${issue.path.join('.')}"` : 'the file';
  return [{ path: issue.path, message: `${name}: ${decapitalise(issue.message)}` }];
}

function decapitalise(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Puts a verdict file and its experiment together.
 *
 * @param seeds Replaces the file's number of seeds; null: it stays.
 * @throws {InputError} If nothing would grow, or so few seeds could show nothing.
 */
export function protocolOf(
  file: VerdictFile,
  experiment: Experiment,
  seeds: number | null = null,
): Protocol {
  const { alpha, data, firstSeed, margin, metric, name } = file;
  const { growth, policy } = experiment;
  if (!growth.enabled || policy.kind === 'none' || policy.kind === 'manual') {
    const key = growth.enabled ? `"policy.kind" is "${policy.kind}"` : '"growth.enabled" is false';
    throw new InputError(
      `Cannot judge growth of "${experiment.name}": ${key}, so nothing would grow; name a policy that grows`,
    );
  }
  const arms = [...new Set(['growth' as const, ...file.arms])];
  const protocol: Protocol = {
    ...{ name, firstSeed, data, arms, metric, margin, alpha },
    seeds: seeds ?? file.seeds,
    experiment: { ...experiment, replicas: 1, seed: firstSeed },
  };
  checkPower(protocol);
  return protocol;
}

export function controlsOf({ arms }: Protocol): ControlName[] {
  return arms.filter((arm) => arm !== 'growth');
}

/** Fewest seeds with which the signed-rank test can reach alpha after Holm's correction. */
export function fewestSeeds(comparisons: number, alpha: number): number {
  let n = 2;
  while (comparisons * smallestSignedRankP(n) > alpha) n++;
  return n;
}

function checkPower(protocol: Protocol): void {
  const comparisons = controlsOf(protocol).length;
  if (comparisons === 0) {
    throw new InputError(
      'Cannot judge growth without a control: name one in "arms", for example "static-small"',
    );
  }
  const needed = fewestSeeds(comparisons, protocol.alpha);
  if (protocol.seeds >= needed) return;
  throw new InputError(
    `Cannot judge with ${protocol.seeds} seeds: even if growth won on every one, ${comparisons} ` +
      `comparisons could not pass alpha ${protocol.alpha}; use at least ${needed} seeds or fewer "arms"`,
  );
}

export interface ProtocolFacts {
  data: string;
  adapter: string;
  shaders: string;
  code: string | null;
}

export async function recordOf(protocol: Protocol, facts: ProtocolFacts): Promise<ProtocolRecord> {
  const { $schema: _schema, ...experiment } = withFileNames(protocol.experiment);
  const { description: _description, ...meaning } = experiment;
  const covered = { version: 1, protocol: { ...protocol, experiment: meaning }, ...facts };
  return ProtocolRecord.parse({
    ...covered,
    protocol: { ...protocol, experiment },
    hash: await sha256Hex(canonicalJson(covered)),
  });
}

/**
 * Where files lie on this machine is no part of the protocol, and nobody's business who reads the
 * report: their names stay, and the digest of the rows says what was in them.
 */
function withFileNames(experiment: Experiment): Experiment {
  const name = (path: string) => path.replace(/^.*[/\\]/, '');
  const bare = (value: unknown): unknown => {
    if (typeof value === 'string') return name(value);
    if (Array.isArray(value)) return value.map(bare);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, bare(v)]));
  };
  const files = Object.entries(experiment.data).filter(([key]) => FILE_KEYS.includes(key));
  const data = { ...experiment.data, ...Object.fromEntries(files.map(([k, v]) => [k, bare(v)])) };
  const { initialWeights } = experiment;
  return {
    ...experiment,
    data: data as Experiment['data'],
    ...(initialWeights === undefined ? {} : { initialWeights: name(initialWeights) }),
  };
}

/** Keys of `data` that hold paths. */
const FILE_KEYS: readonly string[] = ['file', 'train', 'test'];

/**
 * @throws {InputError} If the folder was begun under another protocol; the message says what differs.
 */
export function checkSameProtocol(stored: ProtocolRecord, now: ProtocolRecord): void {
  if (stored.hash === now.hash) return;
  const differs: string[] = [];
  const keys = Object.keys(now.protocol) as (keyof ProtocolRecord['protocol'])[];
  for (const key of keys) {
    const [before, after] = [stored.protocol[key], now.protocol[key]];
    if (canonicalJson(before) === canonicalJson(after)) continue;
    const isPlain = typeof before !== 'object';
    differs.push(isPlain ? `"${key}" was ${before} and is ${after}` : `"${key}" is another`);
  }
  for (const key of ['data', 'adapter', 'shaders', 'code'] as const) {
    if (stored[key] !== now[key]) differs.push(`"${key}" is another`);
  }
  throw new InputError(
    `Cannot go on in this folder: it was begun under another protocol (${differs.join('; ')}). ` +
      'A protocol is fixed before its first run; restore it, or name a new folder with --out',
  );
}
