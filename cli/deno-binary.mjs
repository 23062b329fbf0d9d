/**
 * Finds the Deno that npm installed and runs it. Plain Node, no dependencies, so that it can
 * explain what is missing before anything else works.
 *
 * The native binary is used directly, never `node_modules/.bin/deno`: where npm was told not to
 * run install scripts that name is a wrapper that waits with spawnSync and cannot pass signals on.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Milliseconds between two looks whether npm is still there. */
const PARENT_INTERVAL_MS = 500;

const EXE = process.platform === 'win32' ? 'deno.exe' : 'deno';

/** Oldest Deno that imports text files without a flag: every shader is imported that way. */
const OLDEST = [2, 8];

/** Name of the npm package that holds the binary for this machine. */
function nativePackage() {
  const libc = process.platform === 'linux' ? '-glibc' : '';
  return `@deno/${process.platform}-${process.arch}${libc}`;
}

function candidates() {
  const found = [];
  try {
    const owner = createRequire(import.meta.url).resolve('deno/package.json');
    found.push(join(dirname(owner), EXE));
    const native = createRequire(owner).resolve(`${nativePackage()}/package.json`);
    found.push(join(dirname(native), EXE));
  } catch {
    // Not installed, or no binary for this platform: a Deno on the PATH may still serve.
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    // npm puts node_modules/.bin first on the PATH; its `deno` may be the wrapper script.
    if (folder && !folder.endsWith(join('node_modules', '.bin'))) found.push(join(folder, EXE));
  }
  return found;
}

/** Version of a Deno binary as `[major, minor, patch]`, or null if it does not start. */
export function denoVersion(path) {
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const match = status === 0 ? /^deno (\d+)\.(\d+)\.(\d+)/.exec(stdout) : null;
  return match ? match.slice(1).map(Number) : null;
}

/**
 * Path of a Deno that is there and new enough.
 *
 * @throws {Error} `Cannot find Deno …` with the command to type.
 */
export function findDeno() {
  const tooOld = [];
  for (const path of candidates()) {
    if (!existsSync(path)) continue;
    const version = denoVersion(path);
    if (!version) continue;
    const [major, minor] = version;
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return path;
    tooOld.push(`${path} is ${version.join('.')}`);
  }
  const seen = tooOld.length > 0 ? ` (${tooOld.join(', ')})` : '';
  throw new Error(
    `Cannot find Deno ${OLDEST.join('.')} or newer for ${process.platform} ${process.arch}${seen}: ` +
      'type npm ci in the project folder',
  );
}

/**
 * Environment for a Deno that may open an adapter. Mesa prints two alarming lines about
 * XDG_RUNTIME_DIR where no desktop session has set it, although it needs none. Without a Vulkan
 * driver Deno would fall back to OpenGL, under the same adapter name and with other bits, so on
 * Linux that choice is left to who sets DENO_WEBGPU_BACKEND.
 */
export function denoEnvironment() {
  return {
    ...(process.platform === 'linux' ? { DENO_WEBGPU_BACKEND: 'vulkan' } : {}),
    ...process.env,
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
  };
}

/**
 * Runs a program in the foreground and resolves to its exit code; 128 + n after signal n.
 *
 * SIGTERM and SIGHUP are passed on. SIGINT is passed on only without a terminal: a terminal sends
 * Ctrl-C to the whole process group, and a second one would mean "abort without saving".
 *
 * npm runs us through a shell that it ends without a word when it is ended itself (`timeout npm
 * start`, a service manager). So, under npm, losing the parent counts as SIGTERM; otherwise a
 * server or a run would go on unseen.
 */
export function runForeground(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    let isAsked = false;
    const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
      const handler = () => {
        isAsked = true;
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      };
      process.on(signal, handler);
      return [signal, handler];
    });
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      // Who was asked already is saving, and would take this for a second request.
      if (!isAsked) child.kill('SIGTERM');
    }, PARENT_INTERVAL_MS).unref();
    if (!process.env.npm_execpath) clearInterval(watch);
    const settle = (then) => {
      clearInterval(watch);
      for (const [signal, handler] of handlers) process.off(signal, handler);
      then();
    };
    child.on('error', (error) => settle(() => reject(error)));
    child.on('close', (code, signal) =>
      settle(() => resolve(code ?? 128 + (constants.signals[signal] ?? 0))),
    );
  });
}
