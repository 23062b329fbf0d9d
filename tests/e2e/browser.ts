/** Which browser the tests use, and with which flags. */

/** Playwright's own browser is used where this one is missing. */
export const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** Chromium's sandbox does not run as root, which containers are. */
export const BASE_ARGUMENTS = ['--no-sandbox'];

/** WebGPU on a processor, where there is no graphics card. */
export const WEBGPU_ARGUMENTS = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
