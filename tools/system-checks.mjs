/**
 * Looks at what the machine offers: Node, Deno, a browser, a graphics driver, an adapter. Changes
 * nothing. Plain Node, so that it runs before `npm ci`; doctor.mjs shows and repairs.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { denoEnvironment, denoVersion, findDeno } from '../cli/deno-binary.mjs';

/**
 * @typedef {object} Finding
 * @property {'node' | 'packages' | 'deno' | 'browser' | 'vulkan' | 'adapter'} name
 * @property {boolean} ok
 * @property {string} detail What was found, or what is missing.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

const DRIVER_FOLDERS = [
  '/usr/share/vulkan/icd.d',
  '/etc/vulkan/icd.d',
  '/usr/local/share/vulkan/icd.d',
];

const ADAPTER_SCRIPT = `
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) Deno.exit(1);
const { description, vendor, isFallbackAdapter } = adapter.info;
const device = await adapter.requestDevice();
device.destroy();
console.log((description || vendor || 'unnamed') + (isFallbackAdapter ? ' (software)' : ''));
`;

/** Whether this Node runs the tools: what Vite accepts, 20.19 or newer 20, or 22.12 or newer. */
export function isNodeNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
}

function checkNode() {
  const version = process.versions.node;
  return { name: 'node', ok: isNodeNewEnough(version), detail: `Node ${version}` };
}

function checkPackages() {
  const missing = ['vite', 'hono', 'zod'].filter((p) => !existsSync(join(ROOT, 'node_modules', p)));
  const detail = missing.length === 0 ? 'installed' : `missing: ${missing.join(', ')}, …`;
  return { name: 'packages', ok: missing.length === 0, detail };
}

function checkDeno() {
  try {
    const path = findDeno();
    return { name: 'deno', ok: true, detail: `Deno ${denoVersion(path)?.join('.')}` };
  } catch (error) {
    return { name: 'deno', ok: false, detail: error.message };
  }
}

/** Path of a Chromium or Chrome, or null: CHROMIUM_PATH, the system's, Playwright's own. */
export function findBrowser() {
  const paths = [process.env.CHROMIUM_PATH, ...BROWSERS];
  try {
    const playwright = createRequire(import.meta.url)('playwright-core');
    paths.push(playwright.chromium.executablePath());
  } catch {
    // Before `npm ci` there is no Playwright to ask.
  }
  return paths.find((path) => path && existsSync(path)) ?? null;
}

function checkBrowser() {
  const path = findBrowser();
  if (!path) return { name: 'browser', ok: false, detail: 'no Chromium or Chrome found' };
  // Chrome on Windows opens a window instead of printing its version.
  if (process.platform === 'win32') return { name: 'browser', ok: true, detail: path };
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 15_000 });
  const ok = status === 0;
  const detail = ok ? `${stdout.trim()} at ${path}` : `${path} does not start`;
  return { name: 'browser', ok, detail };
}

function checkVulkan() {
  if (process.platform !== 'linux') {
    const detail = `not needed on ${process.platform}: Deno uses the system's own driver`;
    return { name: 'vulkan', ok: true, detail };
  }
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  const found = named
    ? named.split(':').filter((file) => existsSync(file))
    : DRIVER_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
        readdirSync(folder).filter((file) => file.endsWith('.json')),
      );
  const drivers = found.map((file) => file.replace(/^.*\//, '').replace(/_icd.*$/, ''));
  return drivers.length > 0
    ? { name: 'vulkan', ok: true, detail: drivers.join(', ') }
    : { name: 'vulkan', ok: false, detail: 'no Vulkan driver is installed' };
}

function checkAdapter(hasDeno) {
  if (!hasDeno) return { name: 'adapter', ok: false, detail: 'not looked for: Deno is missing' };
  // A driver that hangs must not hang the doctor.
  const { status, stdout } = spawnSync(findDeno(), ['eval', ADAPTER_SCRIPT], {
    encoding: 'utf8',
    timeout: 60_000,
    env: denoEnvironment(),
  });
  return status === 0
    ? { name: 'adapter', ok: true, detail: `WebGPU in Deno on ${stdout.trim()}` }
    : { name: 'adapter', ok: false, detail: 'Deno finds no WebGPU adapter' };
}

/**
 * All findings, in the order in which a later one needs an earlier one.
 *
 * @returns {Finding[]}
 */
export function inspect() {
  const deno = checkDeno();
  return [checkNode(), checkPackages(), deno, checkBrowser(), checkVulkan(), checkAdapter(deno.ok)];
}

/** Facts that decide how something can be installed here. */
export function describeSystem() {
  let release = '';
  try {
    release = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // Not a Linux with systemd's convention: no package manager is assumed.
  }
  const field = (name) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1] ?? '';
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    distribution: field('ID'),
    isDebianLike: /\b(debian|ubuntu)\b/.test(`${field('ID')} ${field('ID_LIKE')}`),
  };
}
