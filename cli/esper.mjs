#!/usr/bin/env node
/**
 * `npx esper …`: starts the command in the runtime it needs. Plain Node, so that it can say what
 * is missing. `serve` and `doctor` are Node programs, everything else is cli/main.ts under Deno.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { denoEnvironment, findDeno, runForeground } from './deno-binary.mjs';
import { COMMON_ENVIRONMENT } from './server-permissions.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Environment variables the command line and the packages it uses may read. */
const ENVIRONMENT = [...COMMON_ENVIRONMENT, 'NO_COLOR', 'COLUMNS'];

/** Where the engines of a server are that is measured: it may call them and nothing else. */
const ENGINES = ['DATABASE_URL', 'REDIS_URL', 'S3_ENDPOINT'];

/** host:port of the services this command may call: `--server URL` and the environment. */
function servers(args) {
  const urls = [process.env.URZA_URL, process.env.TAMIYO_URL];
  args.forEach((arg, i) => {
    if (arg === '--server') urls.push(args[i + 1]);
    else if (arg.startsWith('--server=')) urls.push(arg.slice('--server='.length));
  });
  // A malformed address is left to the command, which names the option in its message.
  return urls
    .filter((url) => url && URL.canParse(url))
    .map((url) => new URL(url))
    .filter((url) => url.hostname !== '')
    .map((url) => `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`);
}

/** A worker starts a process for every job, and touches nothing but its folder of jobs. */
function workerPermissions(hosts) {
  return [
    '--no-prompt',
    `--allow-run=${findDeno()}`,
    '--allow-read=.esper',
    '--allow-write=.esper',
    `--allow-env=${ENVIRONMENT.join(',')}`,
    '--ignore-env',
    ...(hosts.length > 0 ? [`--allow-net=${hosts.join(',')}`] : []),
  ];
}

function permissions(args) {
  const hosts = servers(args);
  if (args[0] === 'worker') return workerPermissions(hosts);
  if (args[0] === 'bench' && args[1] === 'server') {
    // The server that is measured gets what it needs from its own environment.
    hosts.push('127.0.0.1');
    const programs = [findDeno(), process.execPath];
    return [
      ...permissionsFor(args, hosts, [...ENVIRONMENT, ...ENGINES]),
      ...[`--allow-run=${programs}`, '--allow-sys=cpus'],
    ];
  }
  const own = permissionsFor(args, hosts);
  // The page says which processor decided.
  const namesMachine = args[0] === 'bench' && args.includes('policies') && args.includes('--write');
  return namesMachine ? [...own, '--allow-sys=cpus'] : own;
}

function permissionsFor(args, hosts, environment = ENVIRONMENT) {
  // Data files and run folders are wherever the person says, so files are not narrowed further.
  return [
    '--no-prompt',
    '--allow-read',
    '--allow-write',
    `--allow-env=${environment.join(',')}`,
    // Packages that ask for other variables see them unset instead of failing.
    '--ignore-env',
    ...(hosts.length > 0 ? [`--allow-net=${hosts.join(',')}`] : []),
    // The browser is driven by a Node program of ours.
    ...(['bench', 'experiment'].includes(args[0]) && args.includes('--browser')
      ? [`--allow-run=${process.execPath}`]
      : []),
  ];
}

/** Node programs behind a command; they check their own options. */
const NODE_COMMANDS = {
  serve: 'start.mjs',
  doctor: 'doctor.mjs',
  backup: 'data-copy.mjs',
  restore: 'data-copy.mjs',
};

async function main(args) {
  const [command, ...rest] = args;
  const program = Object.hasOwn(NODE_COMMANDS, command ?? '') ? NODE_COMMANDS[command] : undefined;
  const wantsHelp = rest.includes('--help') || rest.includes('-h');
  if (program && !wantsHelp) {
    const extra = { doctor: ['--table'], backup: ['backup'], restore: ['restore'] }[command] ?? [];
    return runForeground(process.execPath, [join(root, 'tools', program), ...extra, ...rest]);
  }
  const config = ['--quiet', '--config', join(root, 'deno.json')];
  const entry = join(root, 'cli', 'main.ts');
  return runForeground(findDeno(), ['run', ...config, ...permissions(args), entry, ...args], {
    env: { ...denoEnvironment(), ESPER_NODE: process.execPath },
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`esper: ${error.message}`);
  process.exitCode = 1;
}
