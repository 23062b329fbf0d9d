/**
 * Entry point of the server, in Deno: reads the configuration, opens the data folder, serves the
 * app, and stops cleanly on SIGINT and SIGTERM.
 */
import { parseArgs } from 'node:util';
import { InputError, messageOf } from '#shared/base/errors.ts';
import { CATALOGUE, LIBRARY_NAMES, libraryBlueprint } from '#shared/blueprints/library.ts';
import {
  type Config,
  ENVIRONMENT_NAMES,
  isLoopback,
  maskConfig,
  parseConfig,
  secretsOf,
} from '#shared/contracts/config.ts';
import { createLogger, type Logger } from '#shared/nissa/log.ts';
import { systemClock } from '#shared/platform/clock.ts';
import { decide, policyDigest } from '#shared/tamiyo/create-policy.ts';
import packageJson from '../package.json' with { type: 'json' };
import { createApp } from './app.ts';
import type { AppDeps, StorageDeps } from './deps.ts';
import { diskAssets } from './disk-assets.ts';
import { openEmbedded } from './embedded.ts';
import { keepHouse } from './housekeeping.ts';
import { createMetrics } from './nissa/metrics.ts';
import { registerBlueprint } from './urza/blueprint-routes.ts';

const HELP = `Serve the workbench and its API

Usage: esper serve [--port N] [--host HOST] [--data DIR] [--print-config]

  --port N         Port; 0 chooses a free one (ESPER_PORT, default 8787)
  --host HOST      Address to bind; other than loopback needs ESPER_TOKEN (ESPER_HOST)
  --data DIR       Folder of the database and the blobs (ESPER_DATA_DIR, default ./data)
  --print-config   Show the configuration, secrets masked, and stop`;

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;
const DRAIN_MS = 10_000;

/**
 * Runs the server until a signal stops it.
 *
 * @returns Exit code: 0 stopped by a signal, 1 cannot serve, 2 bad arguments, 78 bad configuration.
 */
export async function runServer(args: string[]): Promise<number> {
  let config: Config;
  try {
    const { values } = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        data: { type: 'string' },
        'print-config': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    const env = Object.fromEntries(ENVIRONMENT_NAMES.map((name) => [name, Deno.env.get(name)]));
    config = parseConfig({
      ...env,
      ...(values.port === undefined ? {} : { ESPER_PORT: values.port }),
      ...(values.host === undefined ? {} : { ESPER_HOST: values.host }),
      ...(values.data === undefined ? {} : { ESPER_DATA_DIR: values.data }),
    });
    if (values['print-config']) {
      console.log(JSON.stringify(maskConfig(config), null, 2));
      return 0;
    }
  } catch (error) {
    console.error(messageOf(error));
    if (error instanceof InputError) return EXIT_CONFIG;
    console.error('See "esper serve --help"');
    return 2;
  }
  try {
    return await serve(config);
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

async function serve(config: Config): Promise<number> {
  const clock = systemClock;
  const log = createLogger({
    level: config.LOG_LEVEL,
    write: (line) => console.error(line),
    wallTime: clock.wallTime,
    secrets: secretsOf(config),
  });
  const stop = new AbortController();
  // The engines of the other profile are not even loaded.
  const { storage, services, close } =
    config.ESPER_PROFILE === 'production'
      ? await (await import('./production.ts')).openProduction(config, log)
      : { ...(await openEmbedded(config, log)), services: () => [] };
  const deps = { ...appDeps(config, storage, stop.signal, log), services };
  for (const name of new Set([...LIBRARY_NAMES, ...CATALOGUE])) {
    await registerBlueprint(deps.meta, libraryBlueprint(name), clock.wallTime());
  }
  const app = createApp(deps);
  const host = config.ESPER_HOST.replace(/^\[|\]$/g, '');

  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname: host, port: config.ESPER_PORT, onListen: () => undefined },
      (request, { remoteAddr }) => app.fetch(request, { remoteAddress: remoteAddr.hostname }),
    );
  } catch (error) {
    await close();
    throw listenError(error, host, config.ESPER_PORT);
  }
  let stoppedAt = 0;
  const onSignal = () => {
    if (stop.signal.aborted) {
      // One Ctrl-C may arrive twice: from the terminal, and forwarded by the program that started
      // this one. Only a second press does not wait.
      if (clock.now() - stoppedAt > 500) Deno.exit(130);
      return;
    }
    stoppedAt = clock.now();
    console.error('Stopping; press Ctrl-C again to stop at once');
    stop.abort();
    void Promise.race([server.shutdown(), clock.sleep(DRAIN_MS)]).then(() => finished.resolve());
  };
  const finished = Promise.withResolvers<void>();
  const signals: Deno.Signal[] =
    Deno.build.os === 'windows' ? ['SIGINT', 'SIGBREAK'] : ['SIGINT', 'SIGTERM'];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  // Whoever reads the address may stop the server at once.
  const shown = host.includes(':') ? `[${host}]` : host;
  console.log(`Esper Workbench is at http://${shown}:${server.addr.port}/`);
  log.info('serving', { data: config.ESPER_DATA_DIR, version: deps.version });
  // A failure nobody awaited is a fault of ours, yet no reason to take a running lab down.
  globalThis.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    log.error('unhandled rejection', { error: event.reason });
  });

  const house = keepHouse(deps, stop.signal);
  await finished.promise;
  await house;
  await close();
  log.info('stopped');
  return 0;
}

/** Everything the app needs besides its storage. */
function appDeps(
  config: Config,
  storage: StorageDeps,
  draining: AbortSignal,
  log: Logger,
): AppDeps {
  const isLocal = isLoopback(config.ESPER_HOST);
  const secrets = {
    read: config.ESPER_READ_TOKEN,
    write: config.ESPER_WRITE_TOKEN,
    worker: config.ESPER_WORKER_TOKEN,
    admin: config.ESPER_TOKEN,
  };
  const tokens = Object.fromEntries(Object.entries(secrets).filter(([, value]) => value));
  return {
    ...storage,
    analyze: async (observation) => ({
      decisions: await decide(observation),
      policyDigest: await policyDigest(observation),
    }),
    clock: systemClock,
    log,
    metrics: createMetrics(),
    version: packageJson.version,
    profile: config.ESPER_PROFILE,
    tokens: Object.keys(tokens).length > 0 ? tokens : null,
    trustedProxy: config.ESPER_TRUSTED_PROXY ?? null,
    hosts: isLocal ? ['127.0.0.1', 'localhost', '[::1]', config.ESPER_HOST] : null,
    assets: diskAssets(new URL('../dist/web', import.meta.url).pathname),
    docs: diskAssets(new URL('../node_modules/swagger-ui-dist', import.meta.url).pathname),
    services: () => [],
    draining,
  };
}

function listenError(error: unknown, host: string, port: number): Error {
  const where = `${host}:${port}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return new Error(
      `Cannot listen on ${where}: the port is in use; stop the other program or choose another ` +
        'port with --port',
    );
  }
  return new Error(`Cannot listen on ${where}: ${messageOf(error)}`);
}

if (import.meta.main) Deno.exit(await runServer(Deno.args));
