/**
 * Opens a page of this project in Chromium and lets it work, for commands with `--browser`: Node, since
 * Playwright is made for it. Two arguments: the page, as a path in the project, and its options as
 * JSON. One JSON object a line on stdout: `{"progress": …}` and at the end `{"result": …}`.
 *
 * The page has `window.runPage(options)` and `window.stopPage()`; SIGINT calls the second, and what
 * the first then resolves with is the result. It may call `window.pageProgress(value)`, and
 * `window.readBase64(path)` for a file below the folder in its options' `files`.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { createServer } from 'vite';

/** Longest that the whole work may take. */
const TIMEOUT_MS = 24 * 3_600_000;
const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
/** A graphics card is used where there is one; Chromium's own CPU renderer otherwise. */
const ARGUMENTS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

const wgsl = {
  name: 'wgsl-text',
  enforce: 'pre',
  async load(id) {
    if (!id.endsWith('.wgsl')) return null;
    const text = await readFile(id, 'utf8');
    return { code: `export default ${JSON.stringify(text)};`, map: null, moduleType: 'js' };
  },
};

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const [, , path, json] = process.argv;
const options = JSON.parse(json ?? '{}');

/** @throws If the page may not read there. */
async function readBase64(file) {
  const folder = resolve(options.files ?? '');
  const full = resolve(file);
  if (!options.files || !full.startsWith(folder + sep)) {
    throw new Error(`Cannot read "${file}": it is outside the folder that was named`);
  }
  return (await readFile(full)).toString('base64');
}
const server = await createServer({
  configFile: false,
  root: fileURLToPath(new URL('..', import.meta.url)),
  plugins: [wgsl],
  logLevel: 'error',
  optimizeDeps: { noDiscovery: true, include: ['zod'] },
  server: { host: '127.0.0.1', port: 0, watch: null, hmr: false },
});
await server.listen();
const browser = await chromium.launch({
  ...(existsSync(CHROMIUM) ? { executablePath: CHROMIUM } : {}),
  args: process.env.BENCH_CHROMIUM_ARGS?.split(' ') ?? ARGUMENTS,
  // Ctrl-C must reach the page first.
  handleSIGINT: false,
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('pageerror', (error) => process.stderr.write(`${error.message}\n`));
  await page.exposeFunction('pageProgress', (progress) => say({ progress }));
  await page.exposeFunction('readBase64', readBase64);
  await page.goto(`${server.resolvedUrls.local[0]}${path}`);
  await page.waitForFunction(() => 'runPage' in window);
  process.on('SIGINT', () => void page.evaluate(() => window.stopPage()));
  say({ result: await page.evaluate((o) => window.runPage(o), options) });
} catch (error) {
  process.stderr.write(`Cannot work in the browser: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await server.close();
}
