import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { createTestApp } from '../../tests/server/test-app.ts';
import type { AppEnv } from '../deps.ts';
import { ProblemError } from '../problem.ts';
import { bodyPlaces } from './body-places.ts';

describe('bodyPlaces()', () => {
  it('works on so many at once, lets eight times as many wait, and refuses others', async () => {
    const app = new Hono<AppEnv>();
    const open: (() => void)[] = [];
    app.use(bodyPlaces(1));
    app.get('/', async (c) => {
      await new Promise<void>((resolve) => open.push(resolve));
      return c.text('done');
    });
    app.onError((error, c) => c.text(error instanceof ProblemError ? error.problem : 'other', 503));
    const asked = Array.from({ length: 10 }, () => app.request('/'));
    expect(await (await asked[9])?.text()).toBe('busy');
    for (let done = 0; done < 9; done++) {
      await expect.poll(() => open.length).toBe(1);
      open.shift()?.();
      expect(await (await asked[done])?.text()).toBe('done');
    }
  });

  it('holds for blobs, pieces of uploads and closing, and gives the place back', async () => {
    const { app } = createTestApp({ limits: { uploads: 1, bodyMs: 50 } });
    const never = () =>
      new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
    const send = (path: string, method: string) =>
      app.request(path, {
        ...{ method, duplex: 'half', body: never() },
        headers: { 'content-range': '0-1' },
      } as RequestInit);
    for (const [path, method] of [
      [`/api/v1/blobs/${'a'.repeat(64)}`, 'PUT'],
      [`/api/v1/uploads/${'a'.repeat(32)}`, 'PATCH'],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => send(path, method)));
      const statuses = answers.map(({ status }) => status).sort();
      // The bodies never come, so each that got a place gives it up after its time.
      expect(statuses).toEqual([...Array(9).fill(408), 503]);
      expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('1');
      expect((await send(path, method)).status).toBe(408);
    }
  });
});
