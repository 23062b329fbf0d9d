import { describe, expect, it } from 'vitest';
import { createTestApp, observationOf, WAIT } from '../../tests/server/test-app.ts';

const body = { observation: observationOf(1) };
const key = { 'idempotency-key': 'r1:1:abc' };

describe('decisions', () => {
  it('are kept with what became of them', async () => {
    const { send } = createTestApp();
    const answer = await (await send('POST', '/api/v1/analyze', body)).json();
    const path = `/api/v1/decisions/${answer.decision_id}`;
    expect(await (await send('GET', path)).json()).toMatchObject({
      run_id: 'r1',
      policy_digest: 'p1',
      decisions: [WAIT],
      outcome: null,
    });
    const outcome = { outcome: 'fossilized', step: 900, contribution: 0.2 };
    expect((await send('POST', `${path}/outcome`, outcome)).status).toBe(201);
    expect((await send('POST', `${path}/outcome`, outcome)).status).toBe(200);
    const other = await send('POST', `${path}/outcome`, { ...outcome, outcome: 'culled' });
    expect(other.status).toBe(409);
    expect((await (await send('GET', path)).json()).outcome).toMatchObject(outcome);
    const none = await send('POST', `/api/v1/decisions/${'a'.repeat(64)}/outcome`, outcome);
    expect(none.status).toBe(404);
    const list = await (await send('GET', '/api/v1/decisions?run=r1')).json();
    expect(list.items).toHaveLength(1);
    expect((await (await send('GET', '/api/v1/decisions?run=r2')).json()).items).toEqual([]);
  });

  it('are given once for a key, and repeated to who asks again', async () => {
    let calls = 0;
    const analyze = async () => ({ decisions: [WAIT], policyDigest: `p${++calls}` });
    const { send } = createTestApp({ analyze });
    const ask = async () => (await send('POST', '/api/v1/analyze', body, key)).json();
    const [first, second] = [await ask(), await ask()];
    expect(calls).toBe(1);
    expect({ ...second, latency_ms: 0 }).toEqual({ ...first, latency_ms: 0 });
    const reused = await send('POST', '/api/v1/analyze', { observation: observationOf(2) }, key);
    expect(reused.status).toBe(422);
    expect((await reused.json()).type).toBe('/problems/key-reused');
    const bad = await send('POST', '/api/v1/analyze', body, { 'idempotency-key': 'x'.repeat(300) });
    expect(bad.status).toBe(400);
  });

  it('answers 409 while the first request of a key is worked on, and forgets one that failed', async () => {
    let openGate = () => {};
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    let fails = true;
    const analyze = async () => {
      await gate;
      if (fails) throw new Error('broken');
      return { decisions: [WAIT], policyDigest: 'p' };
    };
    const { send } = createTestApp({ analyze });
    const first = send('POST', '/api/v1/analyze', body, key);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await send('POST', '/api/v1/analyze', body, key);
    expect(second.status).toBe(409);
    expect(second.headers.get('retry-after')).toBe('1');
    expect((await second.json()).type).toBe('/problems/in-flight');
    openGate();
    expect((await first).status).toBe(500);
    fails = false;
    expect((await send('POST', '/api/v1/analyze', body, key)).status).toBe(200);
  });

  it('are marked where the policy had to do without something', async () => {
    const analyze = async () => ({ decisions: [WAIT], policyDigest: 'p', degraded: true });
    const answer = await createTestApp({ analyze }).send('POST', '/api/v1/analyze', body);
    expect((await answer.json()).degraded).toBe(true);
  });
});
