/**
 * /docs: the API's description as a page, from files of our own; nothing is loaded from elsewhere.
 * The reader is Swagger UI.
 */
import { Hono } from 'hono';
import type { AppEnv, AssetReader } from './deps.ts';
import { isUnchanged } from './etag.ts';
import { ProblemError } from './problem.ts';

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light" />
    <title>Esper Workbench API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <link rel="icon" href="data:," />
  </head>
  <body>
    <noscript>This page needs scripts; <a href="/openapi.json">/openapi.json</a> has the same.</noscript>
    <main id="api"></main>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#api',
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

/** Swagger UI places a few things through style attributes and its icons through data URLs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** @param read Reads a file of Swagger UI by name. */
export function docsPage(read: AssetReader): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  const text = (path: string, type: string, body: string) =>
    app.get(path, (c) => {
      c.header('Content-Security-Policy', POLICY);
      c.header('Content-Type', `${type}; charset=utf-8`);
      c.header('Cache-Control', 'no-cache');
      return c.body(body, 200);
    });
  text('/docs', 'text/html', PAGE);
  text('/docs/start.js', 'text/javascript', START);
  app.get('/docs/:file', async (c) => {
    const name = c.req.param('file');
    const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    const asset = type ? await read(name) : null;
    if (!type || !asset) throw new ProblemError('not-found', `There is no file "docs/${name}"`);
    const etag = `"${asset.version}"`;
    c.header('Content-Security-Policy', POLICY);
    c.header('ETag', etag);
    c.header('Cache-Control', 'no-cache');
    if (isUnchanged(c.req.header('if-none-match'), etag)) return c.body(null, 304);
    c.header('Content-Type', type);
    return c.body(asset.bytes, 200);
  });
  return app;
}
