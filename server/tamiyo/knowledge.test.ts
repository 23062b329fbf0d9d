import { expect, it } from 'vitest';
import { createTestApp } from '../../tests/server/test-app.ts';

const knowledge = (pulls: number) => ({
  ...{ version: 1, policy: 'bandit', features: ['one'] },
  arms: { a: { gram: [1], moment: [1], pulls, rewardSum: 1 } },
});

it('lets one of several runs replace what was learned', async () => {
  const { send } = createTestApp();
  const path = '/api/v1/knowledge/default';
  const put = (pulls: number, headers: HeadersInit) => send('PUT', path, knowledge(pulls), headers);
  expect((await send('GET', path)).status).toBe(404);
  expect((await put(1, {})).status).toBe(428);
  expect((await put(1, { 'if-match': `"${'0'.repeat(64)}"` })).status).toBe(412);
  const first = await put(1, { 'if-none-match': '*' });
  expect(first.status).toBe(201);
  const etag = first.headers.get('etag') ?? '';
  const race = await Promise.all([2, 3, 4].map((n) => put(n, { 'if-match': etag })));
  expect(race.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
  expect((await put(5, { 'if-none-match': '*' })).status).toBe(412);
  const read = await send('GET', path);
  const now = read.headers.get('etag') ?? '';
  expect(now).not.toBe(etag);
  expect((await read.json()).arms.a.pulls).toBeGreaterThan(1);
  expect((await send('GET', path, undefined, { 'if-none-match': now })).status).toBe(304);
  expect((await put(5, { 'if-match': now })).status).toBe(200);
});
