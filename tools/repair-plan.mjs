/**
 * Decides how to repair what doctor found: commands to run here, or the command to type. Pure, so
 * that every kind of machine can be tested on any.
 */

const APT = 'apt-get install -y --no-install-recommends';

/** Debian packages that supply what a finding misses. */
const DEBIAN_PACKAGES = {
  browser: ['chromium', 'fonts-dejavu-core'],
  vulkan: ['mesa-vulkan-drivers', 'libvulkan1'],
};

/** `npx playwright install chromium`, as a command of this project. */
const PLAYWRIGHT = ['npx', 'playwright', 'install', 'chromium'];

/**
 * @typedef {object} RepairPlan
 * @property {string[][]} commands To run here, in order; each may fail and the next still helps.
 * @property {string[]} advice What a person has to type for what no command covers.
 */

/**
 * @param {import('./system-checks.mjs').Finding[]} findings
 * @param {{ platform: string, isRoot: boolean, distribution: string, isDebianLike: boolean }} system
 * @returns {RepairPlan}
 */
export function planRepair(findings, system) {
  const missing = new Set(findings.filter((f) => !f.ok).map((f) => f.name));
  const commands = [];
  const advice = [];
  if (missing.has('node')) {
    advice.push('install Node 20.19, 22.12 or newer from https://nodejs.org');
  }
  // Without the packages nothing else can be judged or installed.
  if (missing.has('packages')) return { commands, advice: [...advice, 'npm ci'] };
  if (missing.has('deno')) advice.push('rm -rf node_modules && npm ci');

  // An adapter that is missing although a driver is there needs a driver that works: Mesa's own
  // renders on the processor and needs no graphics card.
  const needsDriver = missing.has('vulkan') || (missing.has('adapter') && !missing.has('deno'));
  const wanted = [];
  // Ubuntu's `chromium` package only installs a snap, which does not start in containers.
  const hasChromiumPackage = system.isDebianLike && system.distribution !== 'ubuntu';
  if (missing.has('browser') && hasChromiumPackage) wanted.push(...DEBIAN_PACKAGES.browser);
  if (needsDriver && system.isDebianLike) wanted.push(...DEBIAN_PACKAGES.vulkan);

  if (wanted.length > 0 && system.isRoot) {
    commands.push(['apt-get', 'update'], [...APT.split(' '), ...wanted]);
  }
  if (missing.has('browser') && !(system.isRoot && hasChromiumPackage)) {
    const withSystem = system.isRoot && system.isDebianLike ? ['--with-deps'] : [];
    commands.push([...PLAYWRIGHT, ...withSystem]);
  }
  if (wanted.length > 0 && !system.isRoot) {
    advice.push(`sudo apt-get update && sudo ${APT} ${wanted.join(' ')}`);
  }
  if (needsDriver && !system.isDebianLike) advice.push(driverAdvice(system.platform));
  if (missing.has('browser') && wanted.length === 0) advice.push(PLAYWRIGHT.join(' '));
  return { commands, advice };
}

function driverAdvice(platform) {
  if (platform === 'linux') {
    return 'install a Vulkan driver: mesa-vulkan-drivers (Fedora), vulkan-swrast (Arch)';
  }
  return platform === 'darwin'
    ? 'Deno uses Metal: run on a Mac with macOS 13 or newer, outside a virtual machine'
    : "install the graphics card's current driver: Deno uses DirectX 12 or Vulkan";
}
