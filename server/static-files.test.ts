import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTestApp, utf8 } from '../tests/server/test-app.ts';
import { assetPath } from './static-files.ts';

const files: Record<string, string> = {
  'index.html': '<script>let a = 1;</script><script type="module" src="/assets/a-1.js"></script>',
  'assets/a-1.js': 'export {};',
  'assets/a-1.css': 'a{}',
  'assets/k.wasm': 'x',
};

const pageApp = (content = files) =>
  createTestApp({
    assets: async (path) => {
      const text = content[path];
      return text === undefined ? null : { bytes: utf8(text), version: `v${text.length}` };
    },
  });

describe('staticFiles()', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/runs/some-run', 'text/html; charset=utf-8', 'no-cache'],
    ['/assets/a-1.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/assets/a-1.css', 'text/css; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/assets/k.wasm', 'application/wasm', 'public, max-age=31536000, immutable'],
  ])('serves %s as %s', async (path, type, cache) => {
    const response = await pageApp().send('GET', path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('cache-control')).toBe(cache);
  });

  it('gives 304 for what the client has', async () => {
    const { send } = pageApp();
    const etag = (await send('GET', '/assets/a-1.js')).headers.get('etag') ?? '';
    const again = await send('GET', '/assets/a-1.js', undefined, { 'if-none-match': etag });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it('does not pass the page off as a missing file or a missing part of the API', async () => {
    const { send } = pageApp();
    for (const path of ['/assets/gone.js', '/favicon.ico', '/api/v1/gone', '/api']) {
      const response = await send('GET', path);
      expect([path, response.status]).toEqual([path, 404]);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  it('says how to build a page that is not there', async () => {
    const response = await pageApp({}).send('GET', '/');
    expect(response.status).toBe(404);
    expect((await response.json()).detail).toContain('The page is not built');
  });

  it("allows the page's own inline script by its hash, and no other", async () => {
    const response = await pageApp().send('GET', '/');
    const digest = await crypto.subtle.digest('SHA-256', utf8('let a = 1;'));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain(`script-src 'self' 'sha256-${hash}'`);
    expect(policy).not.toMatch(/script-src[^;]*unsafe-inline/);
    expect(policy).toContain("default-src 'none'");
  });

  it('says 404 for an address that cannot be decoded', async () => {
    const { app } = createTestApp({ assets: async () => null });
    expect(assetPath('/%zz')).toBeNull();
    expect((await app.request('/%zz.js')).status).toBe(404);
    expect((await app.request('/%2e%2e/x.js')).status).toBe(404);
  });

  it('never leads out of the folder', () => {
    const segment = fc.constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2F',
      '%5c',
      '\\',
      'a',
      '',
      '%00',
      '.env',
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const path = assetPath(`/${segments.join('/')}`);
        if (path === null) return;
        expect(path).not.toMatch(/(^|\/)\.|\\|\0|^\//);
      }),
    );
  });
});
