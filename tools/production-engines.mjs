/**
 * PostgreSQL, Redis and OpenStack Swift with its S3 interface, in a temporary folder, on free ports
 * of 127.0.0.1. A small control server lets tests kill one with SIGKILL and start it again. Plain
 * Node; needs root, since PostgreSQL runs as its own user and Swift reads /etc/swift.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 60_000;
const SECRET = 'engines-of-a-test';

/** A file of each Debian package that is needed. */
const PACKAGES = {
  postgresql: () => postgresFolder() !== null,
  'redis-server': () => existsSync('/usr/bin/redis-server'),
  memcached: () => existsSync('/usr/bin/memcached'),
  swift: () => existsSync('/usr/bin/swift-ring-builder'),
  'swift-proxy': () => existsSync('/usr/bin/swift-proxy-server'),
  'swift-account': () => existsSync('/usr/bin/swift-account-server'),
  'swift-container': () => existsSync('/usr/bin/swift-container-server'),
  'swift-object': () => existsSync('/usr/bin/swift-object-server'),
};

export function missingPackages() {
  return Object.entries(PACKAGES)
    .filter(([, isThere]) => !isThere())
    .map(([name]) => name);
}

/** Folder of the newest PostgreSQL's programs, or null. */
function postgresFolder() {
  const base = '/usr/lib/postgresql';
  if (!existsSync(base)) return null;
  const versions = readdirSync(base).filter((v) => existsSync(join(base, v, 'bin', 'initdb')));
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest ? join(base, newest, 'bin') : null;
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Resolves when the port takes connections. */
async function listening(port, name, isAlive) {
  const end = Date.now() + START_MS;
  while (Date.now() < end) {
    const isUp = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isUp) return;
    if (!isAlive()) throw new Error(`Cannot start ${name}: it ended; see its log`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Cannot start ${name}: nothing listens on port ${port}`);
}

function must(command, args, options = {}) {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (status !== 0) throw new Error(`Cannot run ${command} ${args.join(' ')}: ${stderr}`);
}

/** A program that can be killed and started again. */
class Engine {
  constructor(name, port, command, args, log) {
    Object.assign(this, { name, port, command, args, log });
    this.child = null;
  }

  /** A database that was killed may need a moment until its last children are gone. */
  async start(tries = 5) {
    try {
      await this.#startOnce();
    } catch (error) {
      if (tries <= 1) throw error;
      await this.kill();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await this.start(tries - 1);
    }
  }

  async #startOnce() {
    const [program, ...rest] = [...this.command, ...this.args];
    this.child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let text = '';
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', (chunk) => {
        text = `${text}${chunk}`.slice(-4000);
      });
    }
    let isAlive = true;
    this.child.once('exit', () => {
      isAlive = false;
    });
    try {
      await listening(this.port, this.name, () => isAlive);
    } catch (error) {
      throw new Error(`${error.message}\n${text}`);
    }
  }

  /** The whole group: some of them have children. */
  async kill(signal = 'SIGKILL') {
    const { child } = this;
    this.child = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, signal);
    await ended;
  }
}

function preparePostgres(dir, port) {
  const bin = postgresFolder();
  const data = join(dir, 'postgres');
  mkdirSync(data);
  must('chown', ['postgres', data]);
  // /tmp may be closed to other users above it.
  must('chmod', ['a+rx', dir]);
  // Replaces itself by the program, so that the program is what is killed.
  const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'];
  must(
    'runuser',
    [
      '-u',
      'postgres',
      '--',
      join(bin, 'initdb'),
      '-D',
      data,
      '-U',
      'esper',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--no-sync',
    ],
    { cwd: data },
  );
  const args = [
    '-D',
    data,
    '-p',
    String(port),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
    '-c',
    'max_connections=60',
  ];
  return new Engine('postgres', port, [...asPostgres, join(bin, 'postgres')], args);
}

function prepareRedis(dir, port) {
  const args = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--maxmemory-policy',
    'noeviction',
  ];
  return new Engine('redis', port, ['redis-server'], args);
}

/** Swift with one replica on one folder; the proxy speaks S3. */
function prepareSwift(dir, [proxy, account, container, object, cache]) {
  const base = join(dir, 'swift');
  mkdirSync(join(base, 'devices', 'd1'), { recursive: true });
  const common = (port) => [
    '[DEFAULT]',
    'bind_ip = 127.0.0.1',
    `bind_port = ${port}`,
    'user = root',
    `swift_dir = ${base}`,
    'workers = 0',
  ];
  const engines = [
    new Engine(
      'cache',
      cache,
      ['memcached'],
      ['-u', 'root', '-l', '127.0.0.1', '-p', String(cache), '-m', '16'],
    ),
  ];
  for (const [name, port] of Object.entries({ account, container, object })) {
    const ring = (...args) =>
      must('swift-ring-builder', [`${name}.builder`, ...args], { cwd: base });
    ring('create', '4', '1', '0');
    ring('add', `r1z1-127.0.0.1:${port}/d1`, '1');
    ring('rebalance');
    const conf = join(base, `${name}.conf`);
    writeFileSync(
      conf,
      [
        ...common(port),
        `devices = ${base}/devices`,
        'mount_check = false',
        '[pipeline:main]',
        `pipeline = ${name}-server`,
        `[app:${name}-server]`,
        `use = egg:swift#${name}`,
        '',
      ].join('\n'),
    );
    engines.push(new Engine(name, port, [`swift-${name}-server`], [conf]));
  }
  const conf = join(base, 'proxy.conf');
  writeFileSync(
    conf,
    [
      ...common(proxy),
      '[pipeline:main]',
      'pipeline = catch_errors cache s3api tempauth proxy-server',
      '[app:proxy-server]',
      'use = egg:swift#proxy',
      'account_autocreate = true',
      '[filter:catch_errors]',
      'use = egg:swift#catch_errors',
      '[filter:cache]',
      'use = egg:swift#memcache',
      `memcache_servers = 127.0.0.1:${cache}`,
      '[filter:s3api]',
      'use = egg:swift#s3api',
      'allow_multipart_uploads = false',
      'location = us-east-1',
      '[filter:tempauth]',
      'use = egg:swift#tempauth',
      `user_esper_test = ${SECRET} .admin`,
      '',
    ].join('\n'),
  );
  engines.push(new Engine('s3', proxy, ['swift-proxy-server'], [conf]));
  const settings = '/etc/swift/swift.conf';
  if (!existsSync(settings) || !/swift_hash_path_suffix/.test(readFileSync(settings, 'utf8'))) {
    mkdirSync('/etc/swift', { recursive: true });
    writeFileSync(
      settings,
      '[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n',
    );
  }
  return engines;
}

/** Lets tests kill and start engines: POST /kill/NAME, POST /start/NAME. */
function startControl(engines, port) {
  const server = createHttpServer(async (request, response) => {
    const [, what, name] = /^\/(kill|start)\/(\w+)$/.exec(request.url ?? '') ?? [];
    const engine = engines.find((one) => one.name === name);
    try {
      if (request.method !== 'POST' || !engine) throw new Error('POST /kill/NAME or /start/NAME');
      await (what === 'kill' ? engine.kill() : engine.start());
      response.end('ok');
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error.message));
    }
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

/**
 * @returns `env` names the engines for the server and the suite; `stop` ends them and removes
 *   their data.
 */
export async function startEngines() {
  const started = Date.now();
  const dir = mkdtempSync(join(tmpdir(), 'esper-engines-'));
  const [postgresPort, redisPort, controlPort, ...swiftPorts] = await freePorts(8);
  const engines = [];
  let control = null;
  const stop = async () => {
    control?.close();
    control?.closeAllConnections();
    await Promise.all(engines.map((engine) => engine.kill()));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    engines.push(
      preparePostgres(dir, postgresPort),
      prepareRedis(dir, redisPort),
      ...prepareSwift(dir, swiftPorts),
    );
    await Promise.all(engines.map((engine) => engine.start()));
    control = await startControl(engines, controlPort);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    startMs: Date.now() - started,
    stop,
    env: {
      DATABASE_URL: `postgres://esper@127.0.0.1:${postgresPort}/postgres`,
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      S3_ENDPOINT: `http://127.0.0.1:${swiftPorts[0]}`,
      S3_BUCKET: 'esper',
      S3_ACCESS_KEY: 'esper:test',
      S3_SECRET_KEY: SECRET,
      ESPER_TEST_CONTROL: `http://127.0.0.1:${controlPort}`,
    },
  };
}
