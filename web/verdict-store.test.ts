import { beforeEach, describe, expect, test } from 'vitest';
import type {
  SuiteResult,
  VerdictMessage,
  VerdictReport,
  VerdictRequest,
} from '../shared/contracts/verdict.ts';
import {
  connectVerdicts,
  openReport,
  startSuite,
  startVerdict,
  stopVerdict,
  useVerdictStore,
  type VerdictPort,
} from './verdict-store.ts';

/** Records what is asked and answers by hand. */
class ScriptedPort implements VerdictPort {
  asked: VerdictRequest[] = [];
  #listeners = new Map<string, ((event: never) => void)[]>();

  postMessage(request: VerdictRequest): void {
    this.asked.push(request);
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  say(data: VerdictMessage): void {
    for (const listen of this.#listeners.get('message') ?? []) listen({ data } as never);
  }

  break(message: string): void {
    for (const listen of this.#listeners.get('error') ?? []) listen({ message } as never);
  }
}

let ports: ScriptedPort[] = [];
beforeEach(() => {
  ports = [];
  connectVerdicts(() => {
    const port = new ScriptedPort();
    ports.push(port);
    return port;
  });
});

const run = { what: { shipped: 'planted-effect' }, seeds: 6, arms: [], files: [] };
const state = () => useVerdictStore.getState();
const report = { type: 'verdict.finished' } as VerdictReport;

describe('the verdict store', () => {
  test('makes no worker before it is needed, and one for several requests', () => {
    expect(ports).toHaveLength(0);
    startVerdict(run);
    stopVerdict();
    expect(ports).toHaveLength(1);
    expect(ports[0]!.asked.map((r) => r.kind)).toEqual(['run', 'stop']);
    expect(state().status).toBe('stopping');
  });

  test('shows progress, then the report', () => {
    startVerdict(run);
    const progress = { arm: 'growth', seeds: [1], done: 3, total: 10 } as const;
    ports[0]!.say({ kind: 'progress', progress });
    expect(state()).toMatchObject({ status: 'running', progress });
    ports[0]!.say({ kind: 'report', report, html: '<p>' });
    expect(state()).toMatchObject({ status: 'idle', progress: null, report, html: '<p>' });
  });

  test('shows a published experiment under way, then its tables', () => {
    startSuite('p6', 4);
    expect(ports[0]!.asked).toEqual([{ kind: 'suite', name: 'p6', seeds: 4 }]);
    ports[0]!.say({ kind: 'suite-progress', share: 0.5, label: '6 units' });
    expect(state().suiteProgress).toEqual({ share: 0.5, label: '6 units' });
    const result = { type: 'suite.finished', name: 'p6' } as SuiteResult;
    ports[0]!.say({ kind: 'suite', result });
    expect(state()).toMatchObject({ status: 'idle', suiteProgress: null, suite: result });
  });

  test('says why it failed and can start again', () => {
    startVerdict(run);
    ports[0]!.say({ kind: 'failed', message: 'too few seeds' });
    expect(state()).toMatchObject({ status: 'idle', error: 'too few seeds' });
    startVerdict(run);
    expect(state()).toMatchObject({ status: 'running', error: null });
  });

  test('a worker that dies is replaced at the next request', async () => {
    startVerdict(run);
    ports[0]!.break('out of memory');
    expect(state()).toMatchObject({ status: 'idle', error: 'out of memory' });
    await openReport(new Blob(['{}']));
    expect(ports).toHaveLength(2);
    expect(ports[1]!.asked).toEqual([{ kind: 'open', text: '{}' }]);
  });
});
