/** The real server of a test: `npm start` on a free port, with a temporary data folder. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_MS = 60_000;

export class TestServer {
  #data: string;
  #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #port = 0;

  private constructor(data: string, environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
    this.#data = data;
  }

  /** Starts on a free port. @param environment Settings such as ESPER_TOKEN. */
  static async open(environment: Readonly<Record<string, string>> = {}): Promise<TestServer> {
    const server = new TestServer(await mkdtemp(join(tmpdir(), 'esper-e2e-')), environment);
    await server.start();
    return server;
  }

  /** Base address without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts; after a kill on the same port with the same data. @param environment The old one where absent. */
  async start(environment = this.#environment): Promise<void> {
    this.#environment = environment;
    const settings = ['--port', String(this.#port), '--data', this.#data];
    // A group of its own: the start script and the server it runs end together.
    const child = spawn(process.execPath, ['tools/start.mjs', ...settings], {
      cwd: ROOT,
      env: { ...process.env, LOG_LEVEL: 'warn', ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let written = '';
    this.#port = await new Promise<number>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`The server ${why}: ${written}`));
      const timer = setTimeout(() => fail('printed no address in time'), START_MS);
      const read = (chunk: Buffer): void => {
        written += chunk.toString();
        const port = /at http:\/\/127\.0\.0\.1:(\d+)/.exec(written)?.[1];
        if (port === undefined) return;
        clearTimeout(timer);
        resolve(Number(port));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => {
        clearTimeout(timer);
        fail(`ended with code ${code}`);
      });
    });
  }

  /** Ends it at once, as a crash or a power cut would. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, 'SIGKILL');
    await ended;
  }

  /** Kills it and removes its data. */
  async close(): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true, maxRetries: 5 });
  }
}
