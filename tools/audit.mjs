/**
 * Asks the registry for known faults of the packages the lockfile names, and fails on grave ones.
 * A registry that cannot say, or none at all, is told and does not fail. Plain Node.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GRAVE = ['high', 'critical'];

/**
 * What `npm audit --json` says.
 *
 * @returns {{ isKnown: boolean, faults: string[] }} `isKnown` is false where it says nothing.
 */
export function readAudit(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { isKnown: false, faults: [] };
  }
  if (!report?.vulnerabilities) return { isKnown: false, faults: [] };
  const faults = Object.entries(report.vulnerabilities)
    .filter(([, { severity }]) => GRAVE.includes(severity))
    .map(([name, { severity, range }]) => `${name} ${range}: ${severity}`);
  return { isKnown: true, faults };
}

function main() {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { stdout } = spawnSync(npm, ['audit', '--json', '--omit=dev'], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
    shell: process.platform === 'win32',
  });
  const { isKnown, faults } = readAudit(stdout ?? '');
  if (!isKnown) console.log('the registry did not say; nothing was checked');
  for (const fault of faults) console.error(fault);
  return faults.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
