/**
 * Checks that package-lock.json names the native packages of every platform, not only of the one
 * it was written on, and adds the missing ones with `--fix`.
 *
 * npm leaves an optional package out of the lockfile when it could not see it (a registry mirror
 * that holds one platform, or an existing node_modules). `npm ci` then stops with "Missing: … from
 * lock file", here or on the next person's machine. An added entry has version, system and
 * processor; npm verifies it by its registry's own checksum, since the lockfile has none.
 *
 * Source: https://github.com/npm/cli/issues/4828
 *
 * Usage: node tools/check-lockfile.mjs [--fix]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openbsd', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Lockfile entry for an optional native package, told from its name, or null if unclear. */
export function nativeEntry(name, version, dev) {
  const words = name.split('/').pop().split('-');
  const os = SYSTEMS.find((word) => words.includes(word));
  const cpu = PROCESSORS.find((word) => words.includes(word));
  if (!os || !cpu || !/^\d/.test(version)) return null;
  const libc = words.includes('musl') ? ['musl'] : words.includes('glibc') ? ['glibc'] : null;
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev: true } : {}),
    ...(libc ? { libc } : {}),
    optional: true,
    os: [os],
  };
}

/** Optional dependencies that a locked package names and the lockfile does not hold. */
export function missingOptional(packages) {
  const missing = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const held = [`${path}/node_modules/${name}`, `node_modules/${name}`].some(
        (p) => packages[p],
      );
      if (!held) missing.push({ owner: path, name, version, dev: entry.dev === true });
    }
  }
  return missing;
}

function main() {
  const file = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingOptional(lock.packages);
  if (missing.length === 0) {
    console.log('package-lock.json names every optional package');
    return 0;
  }
  if (!process.argv.includes('--fix')) {
    for (const { owner, name, version } of missing) {
      console.error(`package-lock.json lacks ${name}@${version}, wanted by ${owner}`);
    }
    console.error('Fix: node tools/check-lockfile.mjs --fix');
    return 1;
  }
  for (const { owner, name, version, dev } of missing) {
    const entry = nativeEntry(name, version, dev);
    if (!entry) {
      console.error(`Cannot tell the platform of ${name}@${version}, wanted by ${owner}`);
      return 1;
    }
    lock.packages[`node_modules/${name}`] = entry;
  }
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: added ${missing.length} optional packages`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
