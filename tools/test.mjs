/**
 * `npm test`: runs every check, goes on after a failure, and ends with a summary. Its last line is
 * `N passed, N failed` (with `, N skipped` if any), over all test runners; a check that is not a
 * runner counts as one test. Exit code 0 only if nothing failed.
 *
 * Usage: node tools/test.mjs [--only NAME,…] [--skip NAME,…] [--list]
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { runForeground } from '../cli/deno-binary.mjs';
import { CHECKS, ROOT } from './checks.mjs';
import { add, countOf, noTests, totalLine } from './test-report.mjs';

/** Longest time for one step; a runner that hangs must not hold up continuous integration. */
const STEP_LIMIT_MS = 30 * 60_000;

/** Out of the way of Playwright, which empties test-results/ when it starts. */
const REPORTS = join(ROOT, 'node_modules', '.cache', 'esper-test');

let isInterrupted = false;
process.on('SIGINT', () => {
  isInterrupted = true;
});

function chooseChecks(values) {
  const names = CHECKS.map((check) => check.name);
  const list = (text) => (text ? text.split(',').map((name) => name.trim()) : []);
  const only = list(values.only);
  const skip = list(values.skip);
  const unknown = [...only, ...skip].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`Unknown check "${unknown}": checks are ${names.join(', ')}`);
  }
  return CHECKS.filter(
    ({ name }) => (only.length === 0 || only.includes(name)) && !skip.includes(name),
  );
}

async function runStep(step, reportFile) {
  const reason = step.skip?.() ?? null;
  if (step.label) console.log(`- ${step.label}`);
  if (reason !== null) {
    console.log(`skipped: ${reason}`);
    return { ...noTests(), skipped: step.skippedTests?.() ?? 1 };
  }
  if (step.run) return (await step.run()) ? { ...noTests(), passed: 1 } : countOf(1, null, noTests);
  rmSync(reportFile, { force: true });
  const [program, ...args] = step.command();
  const code = await runForeground(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...step.env?.() },
    timeout: STEP_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  if (!step.report) return countOf(code, '', () => ({ ...noTests(), passed: code === 0 ? 1 : 0 }));
  const text = existsSync(reportFile) ? readFileSync(reportFile, 'utf8') : null;
  return countOf(code, text, step.report);
}

async function runCheck(check) {
  console.log(`\n== ${check.name}: ${check.title}`);
  const start = performance.now();
  let count = noTests();
  const reportFile = join(REPORTS, `${check.name}.report`);
  for (const step of check.steps(reportFile)) {
    if (isInterrupted) break;
    try {
      count = add(count, await runStep(step, reportFile));
    } catch (error) {
      console.error(`${check.name}: ${error.message}`);
      count = add(count, { ...noTests(), failed: 1 });
    }
  }
  return { check, count, seconds: (performance.now() - start) / 1000 };
}

function summarize(results) {
  console.log('\n== summary');
  for (const { check, count, seconds } of results) {
    const verdict = count.failed > 0 ? 'FAILED' : count.passed > 0 ? 'ok' : 'skipped';
    const columns = [
      verdict.padEnd(7),
      check.name.padEnd(9),
      `${seconds.toFixed(1)} s`.padStart(8),
    ];
    console.log(`  ${columns.join('  ')}  ${totalLine(count)}`);
  }
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, skip: { type: 'string' }, list: { type: 'boolean' } },
  });
  if (values.list) {
    for (const { name, title } of CHECKS) console.log(`${name.padEnd(9)}  ${title}`);
    return 0;
  }
  const checks = chooseChecks(values);
  mkdirSync(REPORTS, { recursive: true });
  const results = [];
  for (const check of checks) {
    if (isInterrupted) break;
    results.push(await runCheck(check));
  }
  summarize(results);
  const total = results.reduce((sum, { count }) => add(sum, count), noTests());
  if (isInterrupted) console.log(`interrupted: ${checks.length - results.length} checks not run`);
  console.log(totalLine(total));
  if (isInterrupted) return 130;
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isArgument = error instanceof RangeError || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(`test: ${error.message}`);
  process.exitCode = isArgument ? 2 : 1;
}
