/**
 * Starts the real server as its own process, on a free port, for tests that kill and restart it. It
 * gets the permissions that `npm start` gives it: what needs more fails here too.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { serverPermissions } from '../../cli/server-permissions.mjs';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const MAIN = path('../../server/main.ts');
const CONFIG = path('../../deno.json');
/** How long a test waits; a busy machine may need a while. */
const START_MS = 60_000;

export interface ServerProcess {
  /** Base address, with a slash at its end. */
  url: string;
  /** Milliseconds from the start to the printed address. */
  startMs: number;
  kill(signal: Deno.Signal): Promise<{ code: number; signal: Deno.Signal | null }>;
  /** Everything written to standard error so far. */
  errors(): string;
}

/** @throws {Error} If the server ends, or prints no address in time; with what it wrote. */
export async function startServer(
  dataDir: string,
  options: { port?: number; env?: Record<string, string> } = {},
): Promise<ServerProcess> {
  const started = performance.now();
  const given = { LOG_LEVEL: 'warn', ...options.env };
  const env: Record<string, string> = { ...Deno.env.toObject(), ...given };
  const port = String(options.port ?? 0);
  const host = env['ESPER_HOST'] ?? '127.0.0.1';
  // A folder is granted by its real path, so it has to be there.
  await mkdir(dataDir, { recursive: true });
  const permissions = serverPermissions({ host, port, data: dataDir, env });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...['run', '--quiet', '--config', CONFIG, ...permissions, MAIN],
      ...['--data', dataDir, '--port', port],
    ],
    env: given,
    stdout: 'piped',
    stderr: 'piped',
  }).spawn();
  let errors = '';
  const readErrors = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) errors += decoder.decode(chunk, { stream: true });
  })();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const address = async (): Promise<string> => {
    let text = '';
    for (;;) {
      const { value, done } = await output.read();
      if (done) throw new Error(`The server ended before it served: ${errors}`);
      text += value;
      const url = /at (http:\S+)/.exec(text)?.[1];
      if (url) return url;
    }
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No address in time: ${errors}`)), START_MS);
  });
  try {
    const url = await Promise.race([address(), late]);
    const startMs = performance.now() - started;
    return {
      url,
      startMs,
      errors: () => errors,
      async kill(signal) {
        child.kill(signal);
        const status = await child.status;
        await output.cancel();
        await readErrors;
        return { code: status.code, signal: status.signal };
      },
    };
  } catch (error) {
    try {
      child.kill('SIGKILL');
    } catch {
      // It has ended by itself; why is in the error.
    }
    await child.status;
    await output.cancel();
    await readErrors;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
