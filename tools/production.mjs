/**
 * `npm run test:production`: starts PostgreSQL, Redis and an S3 service (OpenStack Swift) from
 * Debian's packages in a temporary folder on free loopback ports, runs the production suite, and
 * stops them. As root it installs what is missing; otherwise it prints the command. Where the
 * engines cannot be had it says how many tests are skipped. Plain Node.
 *
 * Usage: node tools/production.mjs [--no-install] [--engines-only] [--junit FILE] [-- PROGRAM ARGS…]
 *
 * With a program it runs that instead, with the engines' addresses in its environment.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { denoEnvironment, findDeno, runForeground } from '../cli/deno-binary.mjs';
import { missingPackages, startEngines } from './production-engines.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SUITE = 'tests/production/production_engine_test.ts';
/** The same suites on the embedded profile. */
const EMBEDDED = 'server/storage/sqlite_deno_test.ts';

/** Installs Debian packages. @returns Whether all are there now. */
function install(packages) {
  console.error(`installing ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const apt = (...args) =>
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const all = ['install', '-y', '--no-install-recommends', ...packages];
  if (apt(...all).status === 0) return true;
  // The lists may be old or missing.
  return apt('update').status === 0 && apt(...all).status === 0;
}

/** Why the engines cannot be had, or null. */
export function engineProblem({ mayInstall = true } = {}) {
  if (process.platform !== 'linux') return 'the engines are started from Debian packages';
  const packages = missingPackages();
  if (packages.length === 0)
    return process.getuid() === 0 ? null : 'the engines are started as root';
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (process.getuid() !== 0 || !hasApt || !mayInstall) return `type as root: ${command}`;
  return install(packages) ? null : `this failed: ${command}`;
}

/** How many tests the suite has. */
export function suiteSize() {
  const args = ['run', '--quiet', '--no-check', '--no-prompt', '--ignore-env'];
  const config = ['--config', join(ROOT, 'deno.json')];
  const { stdout } = spawnSync(
    findDeno(),
    [...args, ...config, join(ROOT, 'tests/production/count.ts')],
    {
      encoding: 'utf8',
    },
  );
  return Number(stdout.trim()) || 0;
}

/** Runs a program with the engines at hand. @returns Its exit code. */
export async function withEngines(command, args, { output = 'inherit' } = {}) {
  const engines = await startEngines();
  try {
    console.error(`engines are up after ${Math.round(engines.startMs / 100) / 10} s`);
    const env = { ...denoEnvironment(), ...engines.env };
    return await runForeground(command, args, { cwd: ROOT, env, stdio: output });
  } finally {
    await engines.stop();
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'no-install': { type: 'boolean' },
      'engines-only': { type: 'boolean' },
      junit: { type: 'string' },
    },
  });
  const problem = engineProblem({ mayInstall: !values['no-install'] });
  if (problem) {
    console.log(`skipped, ${suiteSize()} tests: ${problem}`);
    return 0;
  }
  if (positionals.length > 0) return await withEngines(positionals[0], positionals.slice(1));
  const suites = values['engines-only'] ? [SUITE] : [SUITE, EMBEDDED];
  const junit = values.junit ? [`--junit-path=${values.junit}`] : [];
  return await withEngines(findDeno(), ['test', '-A', '--no-check', ...junit, ...suites]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(`production: ${error.stack ?? error.message}`);
    process.exitCode = 1;
  }
}
