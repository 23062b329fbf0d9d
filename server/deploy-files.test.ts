/** What deploy/ names has to exist: no container engine is at hand to say so. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ENVIRONMENT_NAMES } from '#shared/contracts/config.ts';

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), 'utf8');
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((m) => m[1] ?? '');

describe('deploy/compose.yaml', () => {
  const compose = read('deploy/compose.yaml');
  /** Text under a key of the first level. */
  const under = (key: string) =>
    new RegExp(`^${key}:\\n((?:[ #].*\\n|\\n)*)`, 'm').exec(`${compose}\n`)?.[1] ?? '';
  const service = (name: string) =>
    new RegExp(`^  ${name}:\\n((?: {4}.*\\n|\\n)*)`, 'm').exec(under('services'))?.[1] ?? '';
  const services = all(under('services'), /^ {2}(\w+):$/gm);

  it('has the engines, a server and a worker, each from an image or our Dockerfile', () => {
    expect(services).toEqual(['postgres', 'redis', 's3', 'server', 'worker']);
    for (const name of services) expect(service(name)).toMatch(/image: |<<: \*server/);
    expect(compose).toMatch(/^x-server: &server$/m);
    const [dockerfile = ''] = all(compose, /dockerfile: (\S+)/g);
    expect(existsSync(path(dockerfile))).toBe(true);
  });

  it('depends on services and volumes that it declares', () => {
    const waited = all(service('server'), /^ {6}(\w+): \{ condition/gm);
    for (const name of waited) expect(services).toContain(name);
    for (const name of all(compose, /volumes: \[(\w+):/g)) {
      expect(under('volumes')).toMatch(new RegExp(`^ {2}${name}:`, 'm'));
    }
  });

  it('sets only variables that the server knows, from those that docs/deploy.md makes', () => {
    const environment = all(service('server'), /^ {6}([A-Z][A-Z0-9_]+):/gm);
    expect(environment).toContain('DATABASE_URL');
    for (const name of environment) expect(ENVIRONMENT_NAMES).toContain(name);
    const made = all(read('docs/deploy.md'), /^([A-Z][A-Z0-9_]+)=/gm);
    for (const name of all(compose, /\$\{([A-Z0-9_]+)/g)) expect(made).toContain(name);
  });
});

describe('deploy/Dockerfile', () => {
  it('copies files that are there and starts a program that is there', () => {
    const text = read('deploy/Dockerfile');
    for (const names of all(text, /^COPY (.+) \S+$/gm)) {
      for (const name of names.split(' ')) expect(existsSync(path(name))).toBe(true);
    }
    const [entry = ''] = all(text, /^ENTRYPOINT \["node", "(.+)"\]$/gm);
    expect(existsSync(path(entry))).toBe(true);
    expect(text).toMatch(/^USER node$/m);
  });
});
