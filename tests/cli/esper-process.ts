/** Runs the real command line as its own process, in an empty working folder, as a person would. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ESPER = fileURLToPath(new URL('../../cli/esper.mjs', import.meta.url));

/** By its path: Deno takes the bare name `node` for itself. */
const NODE =
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, process.platform === 'win32' ? 'node.exe' : 'node'))
    .find(existsSync) ?? 'node';

export interface Outcome {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  /** Resolves with the first line of standard output that `wanted` accepts. */
  line(wanted: (line: string) => boolean): Promise<string>;
  signal(name: 'SIGINT' | 'SIGKILL'): void;
  done: Promise<Outcome>;
}

interface SpawnOptions {
  cwd: string;
  env?: Record<string, string>;
}

/** Starts `esper` with these arguments. */
export function startEsper(args: readonly string[], { cwd, env = {} }: SpawnOptions): Running {
  const child = spawn(NODE, [ESPER, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: SIGKILL has to reach the program behind the wrapper too.
    detached: true,
  });
  let stdout = '';
  let stderr = '';
  let waiting: (() => void)[] = [];
  const look = () => {
    const all = waiting;
    waiting = [];
    for (const wake of all) wake();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let hasEnded = false;
  const done = once(child, 'close').then(([code, signal]): Outcome => {
    hasEnded = true;
    look();
    return { code: code as number | null, signal: signal as string | null, stdout, stderr };
  });
  return {
    done,
    signal: (name) => {
      // Not child.kill: Deno then reports the signal as the cause of death, whatever the exit code.
      process.kill(name === 'SIGKILL' ? -child.pid! : child.pid!, name);
    },
    async line(wanted) {
      for (let seen = 0; ; ) {
        const lines = stdout.split('\n').slice(0, -1);
        const found = lines.slice(seen).find(wanted);
        if (found !== undefined) return found;
        seen = lines.length;
        if (hasEnded) throw new Error(`The line did not come; stdout:\n${stdout}\n${stderr}`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

export function esper(args: readonly string[], options: SpawnOptions): Promise<Outcome> {
  return startEsper(args, options).done;
}

/** An empty folder for one test, removed afterwards. */
export async function inFolder(work: (cwd: string) => Promise<void>): Promise<void> {
  const cwd = await mkdtemp(join(tmpdir(), 'esper-cli-'));
  try {
    await work(cwd);
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
