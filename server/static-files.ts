/** The built page: files by path, and index.html for the page's own addresses. */
import { Hono } from 'hono';
import type { AppEnv, Asset, AssetReader } from './deps.ts';
import { isUnchanged } from './etag.ts';
import { contentSecurityPolicy } from './middleware/security-headers.ts';
import { ProblemError } from './problem.ts';

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  map: 'application/json',
  webmanifest: 'application/manifest+json',
  wasm: 'application/wasm',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
  txt: 'text/plain; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  wgsl: 'text/wgsl; charset=utf-8',
};

const INDEX = 'index.html';

export function staticFiles(read: AssetReader): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  let policy: { version: string; value: string } | null = null;

  /** The page's policy names the hashes of its inline scripts and styles, and allows no others. */
  const policyFor = async (index: Asset): Promise<string> => {
    if (policy?.version !== index.version) {
      const sources = await inlineHashes(new TextDecoder().decode(index.bytes));
      policy = { version: index.version, value: contentSecurityPolicy(sources) };
    }
    return policy.value;
  };

  app.get('*', async (c) => {
    const path = assetPath(new URL(c.req.url).pathname);
    if (path === null) throw new ProblemError('not-found', 'There is no such file');
    const found = await read(path);
    // Addresses of the page itself have no extension; a missing file must stay missing.
    const isPage = !found && !/\.[a-z0-9]+$/i.test(path);
    const asset = found ?? (isPage ? await read(INDEX) : null);
    if (!asset) {
      throw new ProblemError(
        'not-found',
        path === INDEX || isPage
          ? 'The page is not built; run "npm start" or "npx vite build" first'
          : `There is no file "${path}"`,
      );
    }
    const name = found ? path : INDEX;
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
    c.header('Content-Type', type ?? 'application/octet-stream');
    // A module worker is held to the policy it was served with, so every file carries it.
    const index = name === INDEX ? asset : await read(INDEX);
    c.header('Content-Security-Policy', index ? await policyFor(index) : contentSecurityPolicy());
    const etag = `"${asset.version}"`;
    c.header('ETag', etag);
    // Vite puts a hash of the content into the names under assets/.
    const isHashed = name.startsWith('assets/');
    c.header('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    return c.body(asset.bytes, 200);
  });
  return app;
}

/** Relative path of a file, or null: the address could lead out of the folder. */
export function assetPath(pathname: string): string | null {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return null;
  }
  if (/[\\\0]/.test(path)) return null;
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.some((segment) => segment.startsWith('.'))) return null;
  return segments.length === 0 ? INDEX : segments.join('/');
}

/** CSP sources for the scripts and styles written into the page itself. */
async function inlineHashes(html: string): Promise<string[]> {
  const sources: string[] = [];
  for (const [, attributes = '', text = ''] of html.matchAll(
    /<(?:script|style)\b([^>]*)>([\s\S]*?)<\/(?:script|style)>/gi,
  )) {
    if (/\bsrc\s*=/i.test(attributes) || text === '') continue;
    const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
    sources.push(`'sha256-${btoa(String.fromCharCode(...new Uint8Array(bytes)))}'`);
  }
  return sources;
}
