import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../shared/platform/clock.ts';
import { ServiceClient } from '../shared/resilience/http-client.ts';
import { availabilityOf, startLoad } from './chaos-load.ts';

describe('availabilityOf()', () => {
  const call = (due: number, end: number, failure: string | null = null) => ({ due, end, failure });

  it('counts calls, and finds the times without an answer from begin to end', () => {
    const records = [
      ...[call(0, 10), call(50, 60), call(100, 4100), call(150, 10_150, 'deadline')],
      ...[call(200, 210), call(250, 10_250, 'deadline'), call(300, 300, 'status 500')],
    ];
    expect(availabilityOf(records, 0, 5000)).toEqual({
      calls: 7,
      failed: 3,
      answered: (100 * 4) / 7,
      answeredWithinSecond: (100 * 3) / 7,
      p50: 10,
      p99: 4000,
      outages: [{ at: 210, ms: 3890 }],
      failures: { deadline: 2, 'status 500': 1 },
    });
  });

  it('sees an outage that the time begins or ends with', () => {
    const outages = (...records: ReturnType<typeof call>[]) =>
      availabilityOf(records, 0, 3000).outages;
    expect(outages(call(2000, 2100))).toEqual([{ at: 0, ms: 2100 }]);
    expect(outages(call(0, 100))).toEqual([{ at: 100, ms: 2900 }]);
    expect(outages(call(0, 3000, 'open'))).toEqual([{ at: 0, ms: 3000 }]);
    expect(outages(call(0, 1200), call(1250, 2999))).toEqual([
      { at: 1200, ms: 1799 },
      { at: 0, ms: 1200 },
    ]);
  });
});

describe('startLoad()', () => {
  it('keeps its rate when calls fail fast, and sends again what was not acknowledged', async () => {
    let isWell = true;
    const logs = new Map<string, number[]>();
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (!isWell) {
          response.statusCode = 400;
          response.end();
          return;
        }
        const run = /runs\/(\w+)\/events/.exec(request.url ?? '')?.[1];
        if (run === undefined) {
          response.end('{}');
          return;
        }
        const { events } = JSON.parse(Buffer.concat(chunks).toString());
        const log = logs.get(run) ?? [];
        logs.set(run, log);
        for (const { seq } of events) if (seq >= log.length) log.push(seq);
        response.end(JSON.stringify({ accepted_through: log.length - 1 }));
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const client = new ServiceClient({ name: 'test', baseUrl, timer: systemClock });
    const stop = new AbortController();
    const begin = systemClock.now();
    const load = await startLoad(client, () => 2, stop.signal);
    isWell = false;
    await systemClock.sleep(700);
    isWell = true;
    await systemClock.sleep(1500);
    stop.abort();
    await load.done;
    const seconds = (systemClock.now() - begin) / 1000;
    server.close();
    const { calls, failed, failures } = availabilityOf(load.records, begin, systemClock.now());
    expect(calls).toBeLessThanOrEqual(20 * seconds + 2);
    expect(failed).toBeGreaterThan(0);
    expect(failures).toEqual({ 'status 400': failed });
    for (const [run, last] of load.acknowledged.events) {
      expect(logs.get(run)).toEqual(Array.from({ length: last + 1 }, (_, i) => i));
      expect(last).toBeGreaterThan(0);
    }
  });
});
