/** `esper experiment SUITE --browser`: the page a suite runs on, as the command opens it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import type { SuiteResult } from '../../shared/contracts/verdict.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('a suite reports its progress from Chromium, and ends when it is told to', async () => {
  test.slow();
  const options = JSON.stringify({ suite: 'p6', seeds: 1, files: null });
  const child = spawn(process.execPath, ['cli/page-run.mjs', 'cli/suite-page.html', options], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const shares: number[] = [];
  let result: SuiteResult | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { progress?: { share: number }; result?: SuiteResult };
    if (said.progress) {
      if (shares.length === 0) child.kill('SIGINT');
      shares.push(said.progress.share);
    }
    if (said.result) result = said.result;
  }
  expect(await ended, errors).toBe(0);
  expect(errors).toBe('');
  expect(shares.length).toBeGreaterThan(0);
  expect(shares.every((s) => s >= 0 && s <= 1)).toBe(true);
  expect(result).toMatchObject({ name: 'p6', status: 'interrupted', tables: [], bars: [] });
  expect(result!.adapter).not.toBe('');
});
