/** Checks the arguments of `esper` against the table of commands. Pure: no files, no terminal. */
import { parseArgs } from 'node:util';
import { InputError } from '#shared/base/errors.ts';
import { JobKind, WorkerName } from '#shared/contracts/api-jobs.ts';
import { Numerics } from '#shared/contracts/experiment.ts';
import { EXPORT_FORMAT_NAMES, type ExportFormatName } from '#shared/contracts/export-format.ts';
import { SuiteName } from '#shared/contracts/verdict.ts';
import { closestWord } from '#shared/data/closest-word.ts';
import { expectAtMost, httpUrl, integer, share, text, type Values } from './argument-values.ts';
import type { BenchCommandOptions } from './bench-options.ts';
import { type BlueprintOptions, parseHost, parsePipeline } from './blueprint-options.ts';
import { type BranchInvocation, branchInvocation } from './branch-arguments.ts';
import { COMMANDS, type CommandSpec } from './commands.ts';
import type { ExperimentOptions, SuiteCommandOptions } from './experiment-options.ts';
import type { ExportOptions } from './export-options.ts';
import type { TrainOptions } from './train-options.ts';
import type { VerdictCommandOptions } from './verdict-options.ts';
import type { SubmitOptions, WorkerOptions } from './worker-options.ts';

export type Invocation =
  | { command: 'train'; options: TrainOptions; json: boolean }
  | { command: 'experiment'; options: ExperimentOptions; json: boolean }
  | { command: 'suite'; options: SuiteCommandOptions; json: boolean }
  | { command: 'export'; options: ExportOptions; json: boolean }
  | { command: 'verdict'; options: VerdictCommandOptions; json: boolean }
  | { command: 'blueprint'; options: BlueprintOptions; json: boolean }
  | { command: 'bench'; options: BenchCommandOptions; json: boolean }
  | BranchInvocation
  | { command: 'help'; topic: string | null }
  | { command: 'version' }
  /** The last ones are programs of their own: cli/esper.mjs starts them without this parser. */
  | { command: 'worker'; options: WorkerOptions; json: boolean }
  | { command: 'submit'; options: SubmitOptions; json: boolean }
  | { command: 'serve' | 'doctor' | 'backup' | 'restore' };

const MAX_SEED = 0xffffffff;
const MAX_STEPS = 10_000_000;
const DEFAULT_SEEDS = 5;
const MAX_SAMPLES = 1000;
const DEFAULT_SAMPLES = 10;

/**
 * Reads the arguments after the program's name.
 *
 * @throws {InputError} Unknown command or option (with the nearest name), missing or superfluous
 *   argument, value out of range.
 */
export function parseArguments(args: readonly string[]): Invocation {
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h') {
    return { command: 'help', topic: null };
  }
  if (first === '--version' || first === '-V') return { command: 'version' };
  const spec = specOf(first);
  if (rest.includes('--help') || rest.includes('-h')) return { command: 'help', topic: first };
  const { values, positionals } = scan(first, spec, rest);
  switch (first) {
    case 'train':
      return { command: 'train', options: trainOptions(values, positionals), json: !!values.json };
    case 'experiment': {
      if (SuiteName.safeParse(positionals[0]).success) {
        const options = suiteOptions(values, positionals);
        return { command: 'suite', options, json: !!values.json };
      }
      refuseOptions('data', values, 'only the suite p3 reads data of its own');
      refuseOptions('browser', values, 'only the suites p1, p3 and p6 run in Chromium');
      const options = experimentOptions(values, positionals);
      return { command: 'experiment', options, json: !!values.json };
    }
    case 'export':
      return {
        command: 'export',
        options: exportOptions(values, positionals),
        json: !!values.json,
      };
    case 'verdict': {
      expectAtMost('verdict', positionals, 1);
      const options = {
        target: verdictFile(positionals),
        outDirectory: text(values['out']),
        seeds: integer('seeds', values['seeds'], 2, 200),
      };
      return { command: 'verdict', options, json: !!values.json };
    }
    case 'blueprint': {
      expectAtMost('blueprint', positionals, 1);
      const host = text(values['host']);
      const compile = text(values['compile']);
      const target = positionals[0] ?? null;
      if (compile !== null && target === null) {
        throw new InputError(
          'Option "--compile" needs a blueprint: npx esper blueprint widen-8 --compile standard',
        );
      }
      const options = {
        ...{ target, host: host === null ? null : parseHost(host) },
        compile: compile === null ? null : parsePipeline(compile),
      };
      return { command: 'blueprint', options, json: !!values.json };
    }
    case 'worker':
      expectAtMost('worker', positionals, 0);
      return { command: 'worker', options: workerOptions(values), json: !!values.json };
    case 'submit':
      return {
        command: 'submit',
        options: submitOptions(values, positionals),
        json: !!values.json,
      };
    case 'bench': {
      const options = {
        only: positionals,
        samples: integer('samples', values['samples'], 1, MAX_SAMPLES) ?? DEFAULT_SAMPLES,
        write: text(values['write']),
        peers: text(values['peers']),
        browser: !!values['browser'],
        profile: !!values['profile'],
      };
      return { command: 'bench', options, json: !!values.json };
    }
    case 'replay':
    case 'rewind':
    case 'fork':
    case 'twin':
    case 'runs':
      return branchInvocation(first, values, positionals);
    case 'help': {
      const topic = positionals[0] ?? null;
      if (topic !== null) specOf(topic);
      expectAtMost('help', positionals, 1);
      return { command: 'help', topic };
    }
    case 'version':
      expectAtMost('version', positionals, 0);
      return { command: 'version' };
    default:
      return { command: first as 'serve' | 'doctor' | 'backup' | 'restore' };
  }
}

function specOf(command: string): CommandSpec {
  if (Object.hasOwn(COMMANDS, command)) return COMMANDS[command] as CommandSpec;
  const names = Object.keys(COMMANDS);
  const guess = closestWord(command, names);
  const hint = guess ? `did you mean "${guess}"?` : `commands are ${names.join(', ')}`;
  const what = command.startsWith('-') ? 'option' : 'command';
  throw new InputError(`Unknown ${what} "${command}": ${hint}`);
}

function scan(command: string, spec: CommandSpec, args: readonly string[]) {
  const known = Object.entries(spec.options);
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      known.map(([name, o]) => [name, { type: o.value ? 'string' : 'boolean' } as const]),
    ),
    // Not strict: the messages of the strict mode name no nearest option.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(spec.options, token.name) ? spec.options[token.name] : undefined;
    if (!option || token.rawName !== `--${token.name}`) {
      throw unknownOption(command, token.rawName, Object.keys(spec.options));
    }
    // An empty value counts as missing: it is what an unset shell variable leaves behind.
    if (option.value && (token.value === undefined || token.value === '')) {
      throw new InputError(
        `Option "--${token.name}" needs a value: --${token.name} ${option.value}`,
      );
    }
    if (!option.value && token.value !== undefined) {
      throw new InputError(`Option "--${token.name}" takes no value: remove "=${token.value}"`);
    }
  }
  return { values: values as Values, positionals };
}

function unknownOption(command: string, typed: string, names: readonly string[]): InputError {
  const guess = closestWord(typed.replace(/^-+/, ''), names);
  const help = `npx esper help ${command} lists them`;
  return new InputError(
    `Unknown option "${typed}" of "${command}": ${guess ? `did you mean "--${guess}"?` : help}`,
  );
}

function trainOptions(values: Values, positionals: readonly string[]): TrainOptions {
  const resume = !!values.resume;
  const outDirectory = text(values.out);
  // The run folder holds the experiment, so that a resumed run needs no other name.
  const target = resume && outDirectory ? (positionals[0] ?? '') : targetOf('train', positionals);
  expectAtMost('train', positionals, 1);
  if (resume && values.force) {
    throw new InputError(
      'Options "--resume" and "--force" exclude each other: the one continues the run in the ' +
        'folder, the other replaces it',
    );
  }
  return {
    target: target === '' ? null : target,
    outDirectory,
    seed: integer('seed', values.seed, 0, MAX_SEED),
    steps: integer('steps', values.steps, 1, MAX_STEPS),
    replicas: integer('replicas', values.replicas, 1, 256),
    numerics: numericsOf(values['numerics']),
    serverUrl: httpUrl('server', values.server),
    resume,
    force: !!values.force,
    growth: !values['no-growth'],
    warmUp: !values['no-warm-up'],
    profile: !!values['profile'],
  };
}

function numericsOf(value: Values[string]): Numerics | null {
  const name = text(value);
  if (name === null) return null;
  const known = Numerics.safeParse(name);
  if (known.success) return known.data;
  throw new InputError(
    `Option "--numerics" is "${name}", must be ${Numerics.options.join(' or ')}`,
  );
}

function experimentOptions(values: Values, positionals: readonly string[]): ExperimentOptions {
  const target = targetOf('experiment', positionals);
  expectAtMost('experiment', positionals, 1);
  const seeds = integer('seeds', values.seeds, 1, 1000) ?? DEFAULT_SEEDS;
  const hostBelow = share('host-below', values['host-below']);
  const grownAbove = share('grown-above', values['grown-above']);
  const atLeast = integer('at-least', values['at-least'], 1, seeds);
  if (atLeast !== null && hostBelow === null && grownAbove === null) {
    throw new InputError(
      'Option "--at-least" counts seeds that reach a threshold: add --host-below or --grown-above',
    );
  }
  return {
    target,
    seeds,
    firstSeed: integer('first-seed', values['first-seed'], 0, MAX_SEED - seeds + 1),
    steps: integer('steps', values.steps, 1, MAX_STEPS),
    outDirectory: text(values.out),
    hostBelow,
    grownAbove,
    atLeast,
  };
}

function exportOptions(values: Values, positionals: readonly string[]): ExportOptions {
  const folder = positionals[0];
  const formats = EXPORT_FORMAT_NAMES.join(', ');
  if (!folder) {
    throw new InputError(
      'Command "export" needs a run folder: npx esper export runs/a --format csv',
    );
  }
  expectAtMost('export', positionals, 1);
  const format = text(values.format);
  if (format === null) {
    throw new InputError(`Command "export" needs a format: add --format with one of ${formats}`);
  }
  if (!(EXPORT_FORMAT_NAMES as string[]).includes(format)) {
    const guess = closestWord(format, EXPORT_FORMAT_NAMES);
    throw new InputError(
      `Option "--format" is "${format}": ${guess ? `did you mean "${guess}"?` : `it must be one of ${formats}`}`,
    );
  }
  const withData = !!values['with-data'];
  if (withData && format !== 'capsule') {
    throw new InputError(`Option "--with-data" is for --format capsule, not ${format}`);
  }
  return {
    folder,
    withData,
    format: format as ExportFormatName,
    outPath: text(values.out),
    replica: integer('replica', values.replica, 0, 255) ?? 0,
    force: !!values.force,
  };
}

function workerOptions(values: Values): WorkerOptions {
  const name = text(values['name']);
  if (name !== null && !WorkerName.safeParse(name).success) {
    throw new InputError(
      `Option "--name" is "${name}": it must be letters, digits, dots and dashes`,
    );
  }
  const kinds = text(values['kinds'])?.split(',') ?? JobKind.options;
  for (const kind of kinds) {
    if (JobKind.safeParse(kind).success) continue;
    throw new InputError(
      `Option "--kinds" names "${kind}": kinds of jobs are ${JobKind.options.join(', ')}`,
    );
  }
  return {
    ...serverOptions('worker', values),
    concurrency: integer('concurrency', values['concurrency'], 1, 64) ?? 1,
    kinds: kinds as JobKind[],
    name,
    once: !!values['once'],
  };
}

function submitOptions(values: Values, positionals: readonly string[]): SubmitOptions {
  const seeds = integer('seeds', values['seeds'], 1, 1000);
  expectAtMost('submit', positionals, 1);
  return {
    ...serverOptions('submit', values),
    target: targetOf('submit', positionals),
    seeds,
    firstSeed: integer('first-seed', values['first-seed'], 0, MAX_SEED - (seeds ?? 1) + 1),
    steps: integer('steps', values['steps'], 1, MAX_STEPS),
    growth: !values['no-growth'],
    wait: !!values['wait'],
  };
}

function serverOptions(command: string, values: Values) {
  const serverUrl = httpUrl('server', values['server']);
  if (serverUrl === null) {
    throw new InputError(`Command "${command}" needs a server: add --server http://127.0.0.1:8787`);
  }
  return { serverUrl, token: text(values['token']) };
}

/** Thresholds and steps are part of a suite's published protocol. */
function suiteOptions(values: Values, positionals: readonly string[]): SuiteCommandOptions {
  expectAtMost('experiment', positionals, 1);
  const suite = positionals[0] as SuiteName;
  for (const name of ['first-seed', 'steps', 'host-below', 'grown-above', 'at-least']) {
    refuseOptions(name, values, `the suite ${suite} has its own`);
  }
  if (suite !== 'p3') refuseOptions('data', values, `the suite ${suite} makes its data itself`);
  const browser = !!values['browser'];
  if (browser)
    refuseOptions('out', values, 'a suite in the browser runs from its start to its end');
  return {
    ...{ suite, browser },
    seeds: integer('seeds', values['seeds'], 1, 1000),
    dataFolder: text(values['data']),
    outDirectory: text(values.out),
  };
}

function refuseOptions(name: string, values: Values, why: string): void {
  if (values[name] === undefined) return;
  throw new InputError(`Option "--${name}" has no use here: ${why}; remove it`);
}

function targetOf(command: string, positionals: readonly string[]): string {
  const target = positionals[0];
  if (target !== undefined && target !== '') return target;
  throw new InputError(
    `Command "${command}" needs an experiment file or a preset: npx esper ${command} two-spirals`,
  );
}

function verdictFile(positionals: readonly string[]): string {
  const target = positionals[0];
  if (target !== undefined && target !== '') return target;
  throw new InputError(
    'Command "verdict" needs a verdict file: npx esper verdict experiments/verdicts/planted-effect.json',
  );
}
