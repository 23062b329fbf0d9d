/**
 * Checks that this machine can run the workbench and its tests, and installs what is missing.
 *
 * Usage: node tools/doctor.mjs [--table] [--install] [--json]
 *
 * Called by `npm test` it repairs; as `npx esper doctor` (--table) it only looks, unless
 * `--install` is given. Exit code 0: nothing is missing. 1: something is, and the fix is printed.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { planRepair } from './repair-plan.mjs';
import { describeSystem, inspect } from './system-checks.mjs';

const TITLES = {
  node: 'Node',
  packages: 'Packages',
  deno: 'Deno',
  browser: 'Browser',
  vulkan: 'Graphics driver',
  adapter: 'Adapter',
};

function show(findings) {
  for (const { name, ok, detail } of findings) {
    console.log(`  ${ok ? 'ok     ' : 'MISSING'}  ${TITLES[name].padEnd(16)} ${detail}`);
  }
}

function repair(findings) {
  const { commands } = planRepair(findings, describeSystem());
  for (const [program, ...args] of commands) {
    console.log(`\n$ ${[program, ...args].join(' ')}`);
    const { status, error } = spawnSync(program, args, {
      stdio: 'inherit',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      // apt must never wait for an answer.
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      shell: process.platform === 'win32',
    });
    if (status !== 0) console.error(`${program} failed: ${error?.message ?? `exit ${status}`}`);
  }
  return commands.length > 0 ? inspect() : findings;
}

/**
 * Looks, repairs if asked, and reports.
 *
 * @param {{ install: boolean, json?: boolean }} options
 * @returns {boolean} Whether nothing is missing.
 */
export function runDoctor({ install, json = false }) {
  let findings = inspect();
  if (install && findings.some((f) => !f.ok)) {
    if (!json) show(findings);
    findings = repair(findings);
  }
  const ok = findings.every((f) => f.ok);
  const { advice, commands } = planRepair(findings, describeSystem());
  if (json) {
    console.log(JSON.stringify({ ok, findings, advice }));
    return ok;
  }
  show(findings);
  if (ok) return true;
  console.error('\nTo repair, type:');
  const lines = install || commands.length === 0 ? advice : ['npx esper doctor --install'];
  for (const line of lines.length > 0 ? lines : commands.map((c) => c.join(' '))) {
    console.error(`  ${line}`);
  }
  return false;
}

function main() {
  const { values } = parseArgs({
    options: {
      install: { type: 'boolean' },
      json: { type: 'boolean' },
      table: { type: 'boolean' },
    },
  });
  const install = values.install ?? !values.table;
  return runDoctor({ install, json: values.json ?? false }) ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main();
  } catch (error) {
    const isArgument = error.code?.startsWith('ERR_PARSE_ARGS') ?? false;
    console.error(`doctor: ${error.message}`);
    process.exitCode = isArgument ? 2 : 1;
  }
}
