import { describe, expect, test } from 'vitest';
import { missingOptional, nativeEntry } from './check-lockfile.mjs';
import { planRepair } from './repair-plan.mjs';
import { isNodeNewEnough } from './system-checks.mjs';

const NAMES = ['node', 'packages', 'deno', 'browser', 'vulkan', 'adapter'];
const lacking = (...names) =>
  NAMES.map((name) => ({ name, ok: !names.includes(name), detail: '' }));

const debianRoot = { platform: 'linux', isRoot: true, distribution: 'debian', isDebianLike: true };
const debianUser = { ...debianRoot, isRoot: false };
const ubuntuRoot = { ...debianRoot, distribution: 'ubuntu' };
const fedora = { platform: 'linux', isRoot: true, distribution: 'fedora', isDebianLike: false };
const mac = { platform: 'darwin', isRoot: false, distribution: '', isDebianLike: false };

describe('planRepair()', () => {
  test('does nothing where nothing is missing', () => {
    for (const system of [debianRoot, debianUser, ubuntuRoot, fedora, mac]) {
      expect(planRepair(lacking(), system)).toEqual({ commands: [], advice: [] });
    }
  });

  test('as root on Debian installs exactly what is missing', () => {
    expect(planRepair(lacking('browser', 'vulkan', 'adapter'), debianRoot)).toEqual({
      commands: [
        ['apt-get', 'update'],
        [
          ...['apt-get', 'install', '-y', '--no-install-recommends'],
          ...['chromium', 'fonts-dejavu-core', 'mesa-vulkan-drivers', 'libvulkan1'],
        ],
      ],
      advice: [],
    });
    const { commands } = planRepair(lacking('browser'), debianRoot);
    expect(commands.flat()).not.toContain('mesa-vulkan-drivers');
  });

  test('a driver without an adapter brings the software driver', () => {
    const { commands } = planRepair(lacking('adapter'), debianRoot);
    expect(commands.flat()).toContain('mesa-vulkan-drivers');
  });

  test('without root names the exact command and still tries the browser', () => {
    const plan = planRepair(lacking('browser', 'vulkan'), debianUser);
    expect(plan.commands).toEqual([['npx', 'playwright', 'install', 'chromium']]);
    expect(plan.advice).toEqual([
      'sudo apt-get update && sudo apt-get install -y --no-install-recommends ' +
        'chromium fonts-dejavu-core mesa-vulkan-drivers libvulkan1',
    ]);
  });

  test("avoids Ubuntu's snap and uses Playwright's browser there", () => {
    const { commands } = planRepair(lacking('browser'), ubuntuRoot);
    expect(commands).toEqual([['npx', 'playwright', 'install', 'chromium', '--with-deps']]);
  });

  test('elsewhere says what to install', () => {
    expect(planRepair(lacking('adapter'), fedora).advice[0]).toContain('Vulkan driver');
    expect(planRepair(lacking('adapter'), mac).advice[0]).toContain('Metal');
    expect(planRepair(lacking('browser'), mac).commands).toHaveLength(1);
  });

  test('asks for npm ci first where packages are missing', () => {
    const plan = planRepair(lacking('packages', 'deno', 'browser', 'adapter'), debianRoot);
    expect(plan).toEqual({ commands: [], advice: ['npm ci'] });
  });

  test('every missing thing leads to a command or to advice', () => {
    for (const system of [debianRoot, debianUser, ubuntuRoot, fedora, mac]) {
      for (let mask = 1; mask < 2 ** NAMES.length; mask++) {
        const plan = planRepair(lacking(...NAMES.filter((_, i) => mask & (1 << i))), system);
        expect(plan.commands.length + plan.advice.length).toBeGreaterThan(0);
      }
    }
  });
});

test.each([
  ['20.18.9', false],
  ['20.19.0', true],
  ['21.7.0', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['26.0.0', true],
])('isNodeNewEnough(%s) is %s', (version, expected) => {
  expect(isNodeNewEnough(version)).toBe(expected);
});

describe('check-lockfile', () => {
  test('finds an optional package that the lockfile leaves out', () => {
    const packages = {
      '': {},
      'node_modules/deno': { optionalDependencies: { '@deno/a': '1.0.0', '@deno/b': '1.0.0' } },
      'node_modules/@deno/a': { version: '1.0.0' },
    };
    expect(missingOptional(packages)).toEqual([
      { owner: 'node_modules/deno', name: '@deno/b', version: '1.0.0', dev: false },
    ]);
  });

  test('tells the platform from the name, and refuses to guess', () => {
    expect(nativeEntry('@deno/linux-arm64-glibc', '2.9.6', false)).toEqual({
      version: '2.9.6',
      cpu: ['arm64'],
      libc: ['glibc'],
      optional: true,
      os: ['linux'],
    });
    expect(nativeEntry('@biomejs/cli-win32-x64', '2.6.8', true)).toMatchObject({ dev: true });
    expect(nativeEntry('fsevents', '2.3.3', false)).toBeNull();
  });
});
