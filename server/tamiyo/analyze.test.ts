import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AnalyzeRequest, AnalyzeResponse, MAX_SIGNALS } from '#shared/contracts/decision.ts';
import { decideHeuristic, heuristicDigest } from '#shared/tamiyo/heuristic-policy.ts';
import { createTestApp, observationOf } from '../../tests/server/test-app.ts';

const signal = {
  layerId: 'fc1',
  seedId: null,
  step: 1,
  activationVariance: 1,
  deadUnitRatio: 0,
  meanCorrelation: 0,
  gradientNorm: 1,
  gradientVariance: 1,
  gradientRatio: null,
  latencyMs: null,
};

describe('POST /api/v1/analyze', () => {
  it('answers with the decisions of the policy, and the same ones each time', async () => {
    const { send } = createTestApp({
      analyze: async (observation) => ({
        decisions: await decideHeuristic(observation),
        policyDigest: await heuristicDigest(observation.settings),
      }),
    });
    const observation = observationOf(3);
    const ask = async () => {
      const response = await send('POST', '/api/v1/analyze', { observation });
      expect(response.status).toBe(200);
      return AnalyzeResponse.parse(await response.json());
    };
    const [first, second] = [await ask(), await ask()];
    expect(first.decisions).toEqual(await decideHeuristic(observation));
    expect(second).toEqual({ ...first, latency_ms: second.latency_ms });
    expect(first.degraded).toBe(false);
  });

  it('takes as many signals as it says and not one more', async () => {
    const { send } = createTestApp();
    const small = { ...signal, layerId: 'a' };
    const ask = (count: number) => {
      const signals = Array.from({ length: count }, () => small);
      return send('POST', '/api/v1/analyze', { observation: { ...observationOf(1), signals } });
    };
    expect((await ask(MAX_SIGNALS)).status).toBe(200);
    const refused = await ask(MAX_SIGNALS + 1);
    expect(refused.status).toBe(422);
    expect((await refused.json()).errors[0].pointer).toBe('/observation/signals');
  });

  it('refuses a body over 512 KiB quickly, announced or not', async () => {
    const { app } = createTestApp();
    const bytes = new TextEncoder().encode(`"${'x'.repeat(600 * 1024)}"`);
    for (const announced of [true, false]) {
      const body = announced ? bytes : new Blob([bytes]).stream();
      const started = performance.now();
      const response = await app.request('/api/v1/analyze', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(announced ? { 'content-length': String(bytes.length) } : {}),
        },
        body,
        duplex: 'half',
      } as RequestInit);
      expect(response.status).toBe(413);
      expect((await response.json()).detail).toContain('524288');
      expect(performance.now() - started).toBeLessThan(100);
    }
  });

  it.each([
    ['no JSON', 'nope', 400],
    ['NaN', '{"observation": NaN}', 400],
    [
      'an overflowing number',
      JSON.stringify({ observation: observationOf(1) }).replace('"step":5000', '"step":1e999'),
      422,
    ],
    ['a wrong type', '{"observation": 3}', 422],
    ['nothing', '', 400],
  ])('refuses %s', async (_name, body, status) => {
    const { app } = createTestApp();
    const headers = { 'content-type': 'application/json' };
    const response = await app.request('/api/v1/analyze', { method: 'POST', headers, body });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it('refuses what is not sent as JSON', async () => {
    const { app } = createTestApp();
    const headers = { 'content-type': 'text/plain' };
    const response = await app.request('/api/v1/analyze', { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(415);
  });
});

describe('the compiled check of a request', () => {
  const signals = Array.from({ length: 5 }, (_, i) => ({
    ...signal,
    ...{ layerId: `fc${i}`, seedId: i === 2 ? 's1' : null },
    ...(i === 3 ? { bottleneckSample: { inputs: 1, outputs: 0.5, positions: 1, more: 1 } } : {}),
  }));
  const observation = { ...observationOf(2), signals, settings: undefined, unknown: 1 };
  const request = JSON.parse(JSON.stringify({ observation }));

  it('is compiled, not left to the usual way', () => {
    expect(() => z.compile(AnalyzeRequest, { strict: true })).not.toThrow();
  });

  it('gives what the contract gives: defaults added, unknown fields dropped', () => {
    const compiled = z.compile(AnalyzeRequest).parse(request);
    expect(compiled).toEqual(AnalyzeRequest.parse(request));
    expect(compiled.observation.settings.plateauPatience).toBe(2);
    expect(compiled.observation).not.toHaveProperty('unknown');
  });

  it.each([
    ['a signal without its layer', '/observation/signals/1', { layerId: undefined }],
    ['a negative step', '/observation/signals/1/step', { step: -1 }],
    ['a text for a number', '/observation/signals/1/gradientNorm', { gradientNorm: '1' }],
    ['half a step', '/observation/signals/1/step', { step: 0.5 }],
  ])('names the same fault: %s', async (_name, pointer, change) => {
    const { send } = createTestApp();
    const bad = {
      ...observation,
      signals: signals.map((s, i) => (i === 1 ? { ...s, ...change } : s)),
    };
    const response = await send('POST', '/api/v1/analyze', { observation: bad });
    expect(response.status).toBe(422);
    const [error] = (await response.json()).errors;
    expect(error.pointer.startsWith(pointer)).toBe(true);
    const usual = AnalyzeRequest.safeParse(JSON.parse(JSON.stringify({ observation: bad })));
    expect(error.detail).toBe(usual.error?.issues[0]?.message);
  });
});
