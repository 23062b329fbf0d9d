import { describe, expect, it } from 'vitest';
import type { EngineMessage } from '../shared/contracts/engine-protocol.ts';
import { EngineClient, type EnginePort } from './engine-client.ts';
import { type EngineHost, type HostPort, serveHost } from './engine-host.ts';
import { ScriptedEngine } from './testing/scripted-engine.test-support.ts';

/** Two ports joined directly: what one posts, the other hears. */
function joinPorts(): { page: EnginePort; worker: HostPort } {
  const toPage: ((event: MessageEvent) => void)[] = [];
  const toWorker: ((event: MessageEvent) => void)[] = [];
  const post = (listeners: ((event: MessageEvent) => void)[], data: unknown): void => {
    queueMicrotask(() => {
      for (const listener of listeners) listener({ data } as MessageEvent);
    });
  };
  return {
    page: {
      postMessage: (envelope) => post(toWorker, envelope),
      addEventListener: (type: string, listener: unknown) => {
        if (type === 'message') toPage.push(listener as (event: MessageEvent) => void);
      },
    },
    worker: {
      postMessage: (message) => post(toPage, message),
      addEventListener: (_type, listener) => toWorker.push(listener),
    },
  };
}

function connect(host: EngineHost): EngineClient {
  const { page, worker } = joinPorts();
  serveHost(worker, () => host);
  return new EngineClient(page);
}

describe('EngineClient and serveHost()', () => {
  it('carries a request and its value', async () => {
    const client = connect({ handle: async (request) => `did ${request.kind}` });
    expect(await client.request({ kind: 'pause' })).toBe('did pause');
  });

  it('matches replies to requests that overlap', async () => {
    const client = connect({
      handle: async (request) => {
        if (request.kind === 'pause') await new Promise((done) => setTimeout(done, 5));
        return request.kind;
      },
    });
    const both = [client.request({ kind: 'pause' }), client.request({ kind: 'continue' })];
    expect(await Promise.all(both)).toEqual(['pause', 'continue']);
  });

  it('rejects with the name and the words of the engine', async () => {
    const client = connect({
      handle: () => Promise.reject(new RangeError('Cannot step: no run was started')),
    });
    await expect(client.request({ kind: 'step', steps: 1 })).rejects.toMatchObject({
      name: 'RangeError',
      message: 'Cannot step: no run was started',
    });
  });

  it('reports an engine that could not start, once and for each request', async () => {
    const { page, worker } = joinPorts();
    const client = new EngineClient(page);
    const heard: EngineMessage[] = [];
    client.listen((message) => heard.push(message));
    serveHost(worker, () => Promise.reject(new Error('no storage')));
    await expect(client.request({ kind: 'pause' })).rejects.toThrow('no storage');
    expect(heard).toEqual([
      { kind: 'notice', level: 'error', code: 'engine-failed', message: 'no storage' },
    ]);
  });

  it('fails what is waiting, and what comes later, when the worker dies', async () => {
    let die: (event: { message: string }) => void = () => undefined;
    const client = new EngineClient({
      postMessage: () => undefined,
      addEventListener: (type: string, listener: unknown) => {
        if (type === 'error') die = listener as typeof die;
      },
    });
    const waiting = client.request({ kind: 'pause' });
    die({ message: 'out of memory' });
    await expect(waiting).rejects.toThrow('The training engine stopped: out of memory');
    await expect(client.request({ kind: 'pause' })).rejects.toThrow('Reload the page');
  });

  it('passes messages on until the listener stops', async () => {
    const engine = new ScriptedEngine();
    const client = new EngineClient(engine);
    const kinds: string[] = [];
    const stop = client.listen((message) => kinds.push(message.kind));
    await Promise.resolve();
    expect(kinds).toEqual(['adapter', 'snapshot']);
    stop();
    engine.setBreaker('urza', { breaker: 'open' });
    expect(kinds.length).toBe(2);
  });
});
