/**
 * Line coverage of folders, merged over the test runners: Vitest, Deno, and the production suite
 * where PostgreSQL, Redis and S3 can be had. Servers, workers and jobs that Deno tests start count
 * too, unless they are killed by SIGKILL: they write their profile when they end. Plain Node.
 *
 * Usage: node tools/coverage.mjs [FOLDER…] [--at-least PERCENT] [--all] [--runners NAME,…]
 *                                [--tests PATH,…] [--keep] [--no-install]
 *
 *   FOLDER…       What is measured; default: server shared/resilience, by the tests beside them and
 *                 those that start a server, which takes minutes. Other folders: by all tests
 *   --at-least    Exit with 1 if a folder is below; default 90
 *   --all         All tests of the project, also for the default folders
 *   --runners     vitest, deno, production; default: all. "none" only prints what was collected
 *   --tests       Test files or folders for Vitest and Deno instead
 *   --keep        Add to what earlier calls collected in coverage/ instead of starting over
 *   --no-install  Do not install missing engines of the production suite
 *
 * Where the engines of the production suite cannot be had, the files that only it can reach are
 * named and left out.
 *
 * Exit code: 0 every folder reaches the minimum and no test failed, 1 otherwise, 2 bad arguments.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { denoEnvironment, findDeno, runForeground } from '../cli/deno-binary.mjs';
import { coverageOf, folderTable, mergeLines, percentOf, readLcov } from './coverage-report.mjs';
import { engineProblem, suiteSize } from './production.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PRODUCTION_SUITE = 'tests/production/production_engine_test.ts';
const OUT = join(ROOT, 'coverage');
const RUNNERS = ['vitest', 'deno', 'production'];
const FOLDERS = ['server', 'shared/resilience'];
/** What reaches the default folders within minutes. */
const QUICK = {
  tests: [
    ...FOLDERS,
    'tests/server',
    'tests/faults/server-process_deno_test.ts',
    'tests/faults/service-client_deno_test.ts',
    'tests/faults/storage-faults_deno_test.ts',
  ],
  // Experiments train for minutes and show recovery, not lines.
  production: { ESPER_WITHOUT_EXPERIMENTS: '1' },
};
/** Adapters that nothing runs without PostgreSQL, Redis and S3. */
const ENGINE_FILES = /^server\/(production|storage\/(bullmq|postgres|redis|s3)-[^/]*)\.ts$/;
const TESTS = /_test\.ts$|\.test\.tsx?$|\.test-support\.tsx?$|\/_test-[^/]*$|\.d\.ts$/;

const run = (command, args, env = {}) =>
  runForeground(command, args, { cwd: ROOT, env: { ...process.env, ...env } });

/** Runs Vitest; its report names every file of the folders, also those no test loads. */
async function runVitest(folders, tests, directory) {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  return await run(process.execPath, [
    vitest,
    ...['run', ...tests, '--reporter=dot', '--passWithNoTests'],
    ...['--coverage.enabled', '--coverage.reporter=lcovonly', '--coverage.reportOnFailure'],
    `--coverage.reportsDirectory=${directory}`,
    ...folders.map((folder) => `--coverage.include=${folder}/**/*.ts`),
  ]);
}

/** The Deno tests among paths; a folder has tests of Vitest too, which Deno would take for its own. */
function denoTests(paths) {
  return paths.flatMap((path) =>
    existsSync(join(ROOT, path)) && statSync(join(ROOT, path)).isDirectory()
      ? readdirSync(join(ROOT, path), { recursive: true })
          .map((file) => `${path.replace(/\/$/, '')}/${String(file).replaceAll('\\', '/')}`)
          .filter((file) => file.endsWith('_deno_test.ts'))
      : path.endsWith('_deno_test.ts')
        ? [path]
        : [],
  );
}

/** Runs `deno test`; every Deno below it writes a profile into the folder when it ends. */
async function runDeno(tests, directory) {
  return await run(findDeno(), ['test', '-A', '--no-check', ...tests], {
    ...denoEnvironment(),
    DENO_COVERAGE_DIR: directory,
  });
}

async function runProduction(env, directory) {
  const script = join(ROOT, 'tools/production.mjs');
  const suite = ['test', '-A', '--no-check', PRODUCTION_SUITE];
  const args = [script, '--no-install', '--', findDeno(), ...suite];
  return await run(process.execPath, args, { ...env, DENO_COVERAGE_DIR: directory });
}

/** Turns the profiles of a folder into lcov, once. @returns {string} Its text. */
async function denoLcov(directory, folders) {
  const file = `${directory}.lcov`;
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const include = `^file://.*/(${folders.map(literal).join('|')})/`;
  const code = await run(findDeno(), [
    ...['coverage', '--lcov', `--output=${file}`, `--include=${include}`],
    directory,
  ]);
  return code === 0 && existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Reports in coverage/, of this call and, with --keep, of earlier ones. */
async function readReports(folders) {
  const counted = [];
  const others = [];
  for (const name of existsSync(OUT) ? readdirSync(OUT).sort() : []) {
    const path = join(OUT, name);
    if (/^vitest-\d+$/.test(name)) {
      const file = join(path, 'lcov.info');
      if (existsSync(file)) counted.push(readLcov(readFileSync(file, 'utf8'), ROOT));
    } else if (/^(deno|production)-\d+$/.test(name) && readdirSync(path).length > 0) {
      others.push(readLcov(await denoLcov(path, folders), ROOT));
    }
  }
  return mergeLines(counted, others);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'at-least': { type: 'string', default: '90' },
      all: { type: 'boolean', default: false },
      runners: { type: 'string', default: RUNNERS.join(',') },
      tests: { type: 'string', default: '' },
      keep: { type: 'boolean', default: false },
      'no-install': { type: 'boolean', default: false },
    },
  });
  const list = (text) => text.split(',').filter((part) => part !== '');
  const runners = values.runners === 'none' ? [] : list(values.runners);
  const unknown = runners.find((name) => !RUNNERS.includes(name));
  if (unknown) throw new RangeError(`Unknown runner "${unknown}": choose of ${RUNNERS.join(', ')}`);
  const min = Number(values['at-least']);
  if (!(min >= 0 && min <= 100))
    throw new RangeError('--at-least takes a percentage from 0 to 100');
  const folders = (positionals.length > 0 ? positionals : FOLDERS).map((folder) =>
    folder.replaceAll('\\', '/').replace(/\/$/, ''),
  );
  const isQuick = !values.all && folders.every((folder) => FOLDERS.includes(folder));
  const missing = folders.find((folder) => !existsSync(join(ROOT, folder)));
  if (missing) throw new RangeError(`Cannot find the folder "${missing}" in the project`);
  const isKept = values.keep || runners.length === 0;
  return {
    folders,
    min,
    runners,
    tests: values.tests === '' && isQuick ? QUICK.tests : list(values.tests),
    productionEnv: isQuick ? QUICK.production : {},
    isKept,
    mayInstall: !values['no-install'],
  };
}

async function main() {
  const { folders, min, runners, tests, productionEnv, isKept, mayInstall } = readArguments();
  const problem = runners.includes('production') ? engineProblem({ mayInstall }) : null;
  if (!isKept) rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  const turn = String(Date.now());
  const chosen = {
    vitest: tests.filter((path) => !path.endsWith('_deno_test.ts')),
    deno: denoTests(tests),
  };
  // A runner without a test among the chosen ones would run all of its own.
  const unlessNone = (list, work) => (tests.length > 0 && list.length === 0 ? 0 : work());
  const collect = {
    vitest: (to) => unlessNone(chosen.vitest, () => runVitest(folders, chosen.vitest, to)),
    deno: (to) => unlessNone(chosen.deno, () => runDeno(chosen.deno, to)),
    production: (to) => {
      if (problem === null) return runProduction(productionEnv, to);
      console.log(`skipped, ${suiteSize()} tests: ${problem}`);
      return 0;
    },
  };
  const failed = [];
  for (const runner of runners) {
    console.log(`\n== ${runner}`);
    const directory = join(OUT, `${runner}-${turn}`);
    const code = await collect[runner](directory);
    if (code !== 0) failed.push(runner);
  }
  console.log('\n== lines that ran');
  const lines = await readReports(folders);
  const low = [];
  for (const folder of folders) {
    const all = coverageOf(lines, folder).filter(({ file }) => !TESTS.test(file));
    const files = all.filter(({ file }) => problem === null || !ENGINE_FILES.test(file));
    console.log(`${folderTable(folder, files)}\n`);
    if (files.length < all.length) {
      const left = all.filter((one) => !files.includes(one)).map(({ file }) => file);
      console.log(`left out without their engines: ${left.join(', ')}\n`);
    }
    if (percentOf(files) < min) low.push(folder);
  }
  for (const runner of failed) console.error(`${runner}: tests failed`);
  for (const folder of low) console.error(`${folder}: below ${min} %`);
  return failed.length + low.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isArgument = error instanceof RangeError || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(`coverage: ${error.message}`);
  process.exitCode = isArgument ? 2 : 1;
}
