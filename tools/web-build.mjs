/** Builds the dashboard into dist/web with Vite, when it is missing or older than its sources. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runForeground } from '../cli/deno-binary.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Written last by a build, so that one that was interrupted counts as missing. */
const RESULT = 'dist/web/index.html';

const SOURCES = ['web', 'shared', 'shaders', 'vite.config.ts', 'package.json', 'package-lock.json'];

/** Newest modification time under a file or folder, milliseconds since 1970; 0 if absent. */
export function newestTime(path, ignore = /\.test\.tsx?$|_deno_test\.ts$/) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return ignore.test(path) ? 0 : stat.mtimeMs;
  // A folder's own time tells of a file that was removed.
  return readdirSync(path).reduce(
    (newest, name) => Math.max(newest, newestTime(join(path, name), ignore)),
    stat.mtimeMs,
  );
}

/** Whether the dashboard has to be built, seen from the project folder `root`. */
export function isStale(root) {
  const built = newestTime(join(root, RESULT));
  return built === 0 || SOURCES.some((source) => newestTime(join(root, source)) > built);
}

/**
 * Builds the dashboard.
 *
 * @returns {Promise<number>} Vite's exit code; 0 also when nothing had to be done.
 */
export async function buildWeb({ force = false } = {}) {
  if (!force && !isStale(ROOT)) return 0;
  console.log('Building the dashboard …');
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  if (!existsSync(vite)) {
    console.error('Cannot build the dashboard, Vite is not installed: type npm ci');
    return 1;
  }
  return runForeground(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: ROOT });
}
