import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { steadyLoad } from './server-load.ts';

it('ends when it is told to, with the figures of what was sent', async () => {
  let asked = 0;
  const stop = new AbortController();
  const server = createServer((request, response) => {
    request.resume();
    asked++;
    // The first sixteen create the runs.
    if (asked === 16 + 20) stop.abort();
    response.end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const figures = new Map<string, number>();
  try {
    await steadyLoad(url, 600, (name, value) => void figures.set(name, value), stop.signal);
  } finally {
    server.close();
  }
  expect(figures.get('requests sent')).toBe(asked - 16);
  expect(asked).toBeLessThan(16 + 200);
  expect(figures.get('requests failed')).toBe(0);
  // All of them were within the warm-up, which says nothing of the load that counts.
  expect(figures.get('API p99 in the first 2 s')).toBeGreaterThan(0);
  expect([...figures.keys()].some((name) => name.startsWith('API p99 at'))).toBe(false);
});
