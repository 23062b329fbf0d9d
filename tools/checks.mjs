/**
 * The checks of `npm test`, as data, in the order in which they run: cheap ones first. To add one,
 * add an entry here; test.mjs runs it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { denoEnvironment, findDeno } from '../cli/deno-binary.mjs';
import { runDoctor } from './doctor.mjs';
import { engineProblem, suiteSize } from './production.mjs';
import { findBrowser } from './system-checks.mjs';
import { readJunit, readPlaywright, readVitest } from './test-report.mjs';
import { buildWeb } from './web-build.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * @typedef {object} Step
 * @property {string} [label] Shown where a check has several steps.
 * @property {() => [string, ...string[]]} [command] Program and arguments; passes with exit code 0.
 * @property {() => boolean | Promise<boolean>} [run] Instead of a command.
 * @property {() => NodeJS.ProcessEnv} [env] Added to the environment.
 * @property {(text: string) => import('./test-report.mjs').Count} [report] Reads the file that the
 *   command was told to write; without it the step counts as one test.
 * @property {() => string | null} [skip] Why there is nothing to do.
 * @property {() => number} [skippedTests] How many tests that leaves out. One, if absent.
 *
 * @typedef {object} Check
 * @property {string} name For `--only` and `--skip`.
 * @property {string} title
 * @property {(reportFile: string) => Step[]} steps
 */

const node = (script, ...args) => [process.execPath, join(ROOT, script), ...args];
const deno = (...args) => [findDeno(), ...args];
/** Biome colours single characters, which makes a log unreadable. */
const plain = () => (process.stdout.isTTY ? [] : ['--colors=off']);
/** Remembers what it found, so that after a small change it looks at little. */
const tsc = (project) =>
  node(
    'node_modules/typescript/bin/tsc',
    ...['--project', project, '--incremental', '--tsBuildInfoFile'],
    `node_modules/.cache/esper-test/${project}.tsbuildinfo`,
  );

const SOURCE_FOLDERS = ['bench', 'cli', 'server', 'shared', 'tests', 'tools'];

/** Files of the project whose path matches, relative to the project folder. */
function sources(pattern) {
  return SOURCE_FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .map((file) => `${folder}/${String(file).replaceAll('\\', '/')}`)
      .filter((file) => pattern.test(file)),
  );
}

const CORES = availableParallelism();
/** Test files that may use the adapter at a time; a graphics card has less memory than processors. */
const MOST_AT_ONCE = 6;

/** The longest files come first: last, one would run alone while the other processes have no work. */
const LONGEST = [
  'tests/cli/branches_deno_test.ts',
  'tests/cli/resume_deno_test.ts',
  'tests/gpu/f16_deno_test.ts',
  'tests/gpu/parity_deno_test.ts',
  'tests/gpu/tiles_deno_test.ts',
  'tests/gpu/suites_deno_test.ts',
];

function denoTests() {
  const all = sources(/_deno_test\.ts$/);
  const first = LONGEST.filter((file) => all.includes(file));
  return [...first, ...all.filter((file) => !first.includes(file))];
}

const isGpuTest = (file) => file.startsWith('tests/gpu/');

/** Deno tests that hold something to a number of seconds: nothing else runs beside them. */
const BY_THE_CLOCK = new Set([
  'server/main_deno_test.ts',
  'tests/faults/experiment-kills_deno_test.ts',
  'tests/faults/server-process_deno_test.ts',
  'tests/faults/service-client_deno_test.ts',
  'tests/faults/slow-clients_deno_test.ts',
  'tests/faults/submit_deno_test.ts',
  'tests/faults/worker_deno_test.ts',
]);

/** A run of the Deno tests for which `wanted` holds, `jobs` files at a time. */
function denoTestStep(reportFile, label, wanted, jobs = 1) {
  const files = () => denoTests().filter(wanted);
  const flags = jobs > 1 ? ['--parallel'] : [];
  return {
    label,
    command: () =>
      deno('test', '-A', '--no-check', ...flags, `--junit-path=${reportFile}`, ...files()),
    env: () => ({ ...denoEnvironment(), DENO_JOBS: String(jobs) }),
    report: readJunit,
    skip: () => (files().length > 0 ? null : 'there are no such *_deno_test.ts files'),
  };
}

/** Browsers at a time: each trains in software, on several threads. */
const BROWSERS = Math.min(4, Math.max(2, Math.floor(CORES / 2)));

/** A run of Playwright. @param folder Of what failures leave; each run empties its own. */
function browserTestStep(reportFile, label, folder, ...flags) {
  const all = ['--reporter=list,json', `--output=coverage/playwright/${folder}`, ...flags];
  return {
    label,
    command: () => node('node_modules/@playwright/test/cli.js', 'test', ...all),
    env: () => {
      const browser = findBrowser();
      return {
        PLAYWRIGHT_JSON_OUTPUT_NAME: reportFile,
        ...(browser ? { CHROMIUM_PATH: browser } : {}),
      };
    },
    report: readPlaywright,
    skip: unlessThere('playwright.config.ts'),
  };
}

/** Entry points and tests that only Deno runs, and tools written for it. */
function denoPrograms() {
  const programs = [
    'cli/main.ts',
    'cli/job-runner.ts',
    'server/main.ts',
    'server/data-copy.ts',
    'tests/production/production_engine_test.ts',
  ].filter((file) => existsSync(join(ROOT, file)));
  return [...programs, ...sources(/^tools\/[^/]+(?<!\.test)\.ts$/), ...denoTests()];
}

/** Skips a step whose subject is not in this checkout. */
const unlessThere = (file) => () => (existsSync(join(ROOT, file)) ? null : `there is no ${file}`);

/** A checking program of ours under Deno; it only reads. */
function denoTool(file, ...args) {
  return {
    command: () =>
      deno('run', '--quiet', '--no-prompt', '--allow-read', '--ignore-env', file, ...args),
    skip: unlessThere(file),
  };
}

/** @type {readonly Check[]} */
export const CHECKS = [
  {
    name: 'doctor',
    title: 'Node, Deno, browser, graphics driver',
    steps: () => [{ run: () => runDoctor({ install: true }) }],
  },
  {
    name: 'lockfile',
    title: 'Lockfile names every platform',
    steps: () => [{ command: () => node('tools/check-lockfile.mjs') }],
  },
  {
    name: 'lint',
    title: 'Format and lint',
    steps: () => [
      { command: () => node('node_modules/@biomejs/biome/bin/biome', 'ci', '.', ...plain()) },
    ],
  },
  {
    name: 'types',
    title: 'Types',
    steps: () => [
      { label: 'tsc', command: () => tsc('tsconfig.json') },
      { label: 'tsc, shared/ without a host', command: () => tsc('tsconfig.shared.json') },
      { label: 'deno check', command: () => deno('check', '--quiet', ...denoPrograms()) },
    ],
  },
  {
    name: 'imports',
    title: 'Import table',
    steps: () => [denoTool('tools/check-imports.ts')],
  },
  {
    name: 'shaders',
    title: 'Shader catalog',
    steps: () => [denoTool('tools/check-shaders.ts')],
  },
  {
    name: 'schema',
    title: 'JSON Schema of the experiment file',
    steps: () => [denoTool('tools/generate-schema.ts', '--check')],
  },
  {
    name: 'unit',
    title: 'Unit tests (Vitest)',
    steps: (reportFile) => [
      {
        command: () =>
          node(
            'node_modules/vitest/vitest.mjs',
            ...['run', '--reporter=dot', '--reporter=json', `--outputFile.json=${reportFile}`],
          ),
        // One dot a test, not one dot with two colour codes.
        env: () => (process.stdout.isTTY ? {} : { NO_COLOR: '1' }),
        report: readVitest,
      },
    ],
  },
  {
    name: 'deno',
    title: 'Command line, server and faults (Deno)',
    // Most of these start processes and wait for them: one more than there are cores.
    steps: (reportFile) => [
      denoTestStep(
        reportFile,
        'side by side',
        (file) => !isGpuTest(file) && !BY_THE_CLOCK.has(file),
        Math.min(CORES + 1, MOST_AT_ONCE),
      ),
      denoTestStep(reportFile, 'by the clock, one at a time', (file) => BY_THE_CLOCK.has(file)),
    ],
  },
  {
    name: 'gpu',
    title: 'Kernels and training on the GPU that Deno finds',
    // Nothing here is held to a time, and each waits for its adapter now and then.
    steps: (reportFile) => [
      denoTestStep(reportFile, undefined, isGpuTest, Math.min(CORES + 2, MOST_AT_ONCE)),
    ],
  },
  {
    name: 'production',
    title: 'Contract suites on PostgreSQL, Redis and S3',
    steps: (reportFile) => [
      {
        command: () => node('tools/production.mjs', '--engines-only', '--junit', reportFile),
        report: readJunit,
        skip: engineProblem,
        skippedTests: suiteSize,
      },
    ],
  },
  {
    name: 'audit',
    title: 'Known faults of the packages',
    steps: () => [{ command: () => node('tools/audit.mjs') }],
  },
  {
    name: 'build',
    title: 'Build of the dashboard',
    steps: () => [
      { run: async () => (await buildWeb()) === 0, skip: unlessThere('web/index.html') },
    ],
  },
  {
    name: 'browser',
    title: 'Dashboard and kernels in Chromium (Playwright)',
    steps: (reportFile) => [
      browserTestStep(reportFile, 'by the clock, one at a time', 'clock', '--grep=@clock'),
      browserTestStep(
        reportFile,
        'side by side',
        'others',
        '--grep-invert=@clock',
        `--workers=${BROWSERS}`,
      ),
    ],
  },
];
