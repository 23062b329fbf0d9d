/**
 * Runs the benchmarks in Chromium, for `esper bench --browser`: Node, since Playwright is made for it.
 * One argument, the page's options as JSON; one JSON object a line on stdout: `{"measuring": …}` and at
 * the end `{"report": …}`. SIGINT ends it after the section at hand, with what was measured.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { createServer } from 'vite';

/** Longest that the whole suite may take. */
const TIMEOUT_MS = 3_600_000;
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
const options = JSON.parse(process.argv[2] ?? '{}');
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
  await page.exposeFunction('benchProgress', (measuring) => say({ measuring }));
  await page.goto(`${server.resolvedUrls.local[0]}bench/browser-page.html`);
  await page.waitForFunction(() => 'runBench' in window);
  process.on('SIGINT', () => void page.evaluate(() => window.stopBench()));
  say({ report: await page.evaluate((o) => window.runBench(o), options) });
} catch (error) {
  process.stderr.write(`Cannot measure in the browser: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await server.close();
}
