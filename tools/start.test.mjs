import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENVIRONMENT_NAMES } from '#shared/contracts/config.ts';
import { ENVIRONMENT, serverPermissions } from '../cli/server-permissions.mjs';
import { isStale } from './web-build.mjs';

const settings = { host: '127.0.0.1', port: '8787', data: '/d', env: {} };
const net = (change) => serverPermissions({ ...settings, ...change })[1];

describe('serverPermissions()', () => {
  test('allows every setting of the server and writes only to its data folder', () => {
    const isAllowed = (name) =>
      ENVIRONMENT.some((p) => (p.endsWith('*') ? name.startsWith(p.slice(0, -1)) : name === p));
    for (const name of ENVIRONMENT_NAMES) expect(isAllowed(name), name).toBe(true);
    const flags = serverPermissions(settings);
    expect(flags).toContain('--allow-write=/d');
    expect(flags.some((flag) => flag === '-A' || flag.startsWith('--allow-run'))).toBe(false);
  });

  test('listens on one address and calls only the services that are set', () => {
    expect(net({})).toBe('--allow-net=127.0.0.1:8787');
    expect(net({ host: '::1' })).toBe('--allow-net=[::1]:8787');
    expect(net({ host: '[::1]' })).toBe('--allow-net=[::1]:8787');
    expect(net({ port: 'abc' })).toBe('--allow-net=127.0.0.1');
    const env = { URZA_URL: 'http://urza:9000/x', TAMIYO_URL: 'nonsense', S3_ENDPOINT: '' };
    expect(net({ env })).toBe('--allow-net=127.0.0.1:8787,urza:9000');
  });

  test('means one port of a service, also where its address names none', () => {
    const env = {
      ...{ DATABASE_URL: 'postgres://u:p@db/esper', REDIS_URL: 'rediss://redis' },
      ...{ S3_ENDPOINT: 'https://s3.example', URZA_URL: 'http://[::1]/' },
    };
    expect(net({ env })).toBe(
      '--allow-net=127.0.0.1:8787,[::1]:80,redis:6379,s3.example:443,db:5432',
    );
  });
});

test('isStale() notices a missing build, a newer source and a removed one', () => {
  const root = mkdtempSync(join(tmpdir(), 'esper-build-'));
  const put = (path, seconds) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), '');
    utimesSync(join(root, path), seconds, seconds);
  };
  const age = (path, seconds) => utimesSync(join(root, path), seconds, seconds);
  try {
    put('web/main.tsx', 100);
    age('web', 100);
    expect(isStale(root)).toBe(true);
    put('dist/web/index.html', 200);
    expect(isStale(root)).toBe(false);
    put('web/main.test.ts', 300);
    age('web', 100);
    expect(isStale(root)).toBe(false);
    age('web/main.tsx', 300);
    expect(isStale(root)).toBe(true);
    age('web/main.tsx', 100);
    age('web', 300);
    expect(isStale(root)).toBe(true);
  } finally {
    rmSync(root, { recursive: true });
  }
});
