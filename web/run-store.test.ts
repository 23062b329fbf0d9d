import { describe, expect, it } from 'vitest';
import type { EngineMessage, EngineSnapshot } from '../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../shared/contracts/events.ts';
import type { ServiceStatus } from '../shared/contracts/services.ts';
import { INITIAL_RUN_STATE, MAX_EVENTS, type RunState, reduceMessage } from './run-store.ts';

const service: ServiceStatus = {
  name: 'tamiyo',
  url: '',
  breaker: 'closed',
  tripped: false,
  calls: 1,
  failures: 0,
  retries: 0,
  latencyMs: null,
  lastError: null,
  retryInMs: null,
};
const snapshot: EngineSnapshot = {
  runId: 'r1',
  status: 'running',
  message: null,
  step: 10,
  totalSteps: 100,
  seed: 1,
  stepsPerSecond: 5,
  parameters: 20,
  layers: [],
  services: [service],
  policySource: 'in-process',
  cache: { entries: 0, bytes: 0, hits: 0, misses: 0, evictions: 0 },
  memory: { arenaBytes: 1, withoutReuseBytes: 2, parameterBytes: 3 },
  dispatchesPerStep: 9,
};
const checkpoint = (seq: number): RunEvent => ({
  type: 'checkpoint',
  seq,
  step: seq,
  file: 'c',
  digest: 'd',
});
const transition = (seq: number): RunEvent => ({
  type: 'transition',
  seq,
  step: 300,
  layerId: 'fc1',
  slot: 0,
  seedId: 's1',
  blueprint: 'widen-8',
  from: 'LOADING',
  to: 'TRAINING',
  cause: 'placed',
  parameters: 30,
});
const feed = (...messages: EngineMessage[]): RunState =>
  messages.reduce((state, message) => reduceMessage(state, message, 5), INITIAL_RUN_STATE);

describe('reduceMessage()', () => {
  it('keeps the identity of parts of a snapshot that did not change', () => {
    const first = feed({ kind: 'snapshot', snapshot });
    const next = structuredClone({ ...snapshot, step: 11 });
    const second = reduceMessage(first, { kind: 'snapshot', snapshot: next }, 6);
    expect(second.snapshot).not.toBe(first.snapshot);
    expect(second.snapshot?.services).toBe(first.snapshot?.services);
    expect(second.snapshot?.memory).toBe(first.snapshot?.memory);
    expect(second.snapshotAt).toBe(6);
  });

  it('announces a breaker that a person trips and resets, not one that opens by itself', () => {
    const open: ServiceStatus = { ...service, breaker: 'open', lastError: 'timed out' };
    const state = feed(
      { kind: 'snapshot', snapshot },
      { kind: 'snapshot', snapshot: { ...snapshot, services: [open] } },
      { kind: 'snapshot', snapshot },
      { kind: 'snapshot', snapshot: { ...snapshot, services: [{ ...open, tripped: true }] } },
      { kind: 'snapshot', snapshot },
    );
    expect(state.toasts.map((t) => t.text)).toEqual([
      'Breaker of tamiyo tripped: no calls are made, training goes on without it',
      'Breaker of tamiyo reset',
    ]);
  });

  it('withdraws the banner of a server that is back', () => {
    const state = feed(
      { kind: 'notice', level: 'warning', code: 'server-away', message: 'tamiyo' },
      { kind: 'notice', level: 'info', code: 'server-back', message: 'The server answers again' },
    );
    expect(state.notices).toEqual([]);
    expect(state.toasts.map((t) => t.text)).toEqual(['The server answers again']);
  });

  it('leaves metrics and health out of the event list', () => {
    const metrics: RunEvent = { type: 'metrics', seq: 0, step: 50, loss: [1], accuracy: [0.5] };
    expect(feed({ kind: 'events', events: [metrics, checkpoint(1)] }).events).toEqual([
      checkpoint(1),
    ]);
  });

  it('replaces events that are sent again after a rollback', () => {
    const state = feed(
      { kind: 'events', events: [0, 1, 2, 3].map(checkpoint) },
      { kind: 'events', events: [2].map(checkpoint) },
    );
    expect(state.events.map((e) => e.seq)).toEqual([0, 1, 2]);
  });

  it('bounds the events and counts those it dropped', () => {
    const events = Array.from({ length: MAX_EVENTS + 7 }, (_, seq) => checkpoint(seq));
    const state = feed({ kind: 'events', events });
    expect(state.events.length).toBe(MAX_EVENTS);
    expect(state.events[0]?.seq).toBe(7);
    expect(state.eventsDropped).toBe(7);
  });

  it('announces news, but not a stored log that is read back', () => {
    expect(feed({ kind: 'events', events: [transition(0)] }).toasts[0]?.text).toBe(
      'Seed s1 in fc1 germinated and learns behind the host (step 300)',
    );
    const log = Array.from({ length: 60 }, (_, seq) => transition(seq));
    expect(feed({ kind: 'events', events: log }).toasts).toEqual([]);
  });

  it('keeps at most four toasts, errors longest', () => {
    const notice = (seq: number, level: 'warning' | 'error'): RunEvent => ({
      type: 'notice',
      seq,
      step: 0,
      level,
      message: `${level} ${seq}`,
    });
    const events = [notice(0, 'error'), ...[1, 2, 3, 4].map((seq) => notice(seq, 'warning'))];
    expect(feed({ kind: 'events', events }).toasts.map((t) => t.text)).toEqual([
      'error 0',
      'warning 2',
      'warning 3',
      'warning 4',
    ]);
  });

  it('withdraws the lost device once it is restored', () => {
    const state = feed(
      { kind: 'notice', level: 'warning', code: 'device-lost', message: 'lost' },
      { kind: 'notice', level: 'warning', code: 'storage-full', message: 'full' },
      { kind: 'notice', level: 'info', code: 'device-restored', message: 'back' },
    );
    expect(state.notices.map((n) => n.code)).toEqual(['storage-full']);
    expect(state.toasts.map((t) => t.text)).toEqual(['back']);
  });

  it('forgets a run that was cleared', () => {
    const state = feed(
      { kind: 'snapshot', snapshot },
      { kind: 'events', events: [checkpoint(0)] },
      { kind: 'evaluation', step: 5, split: 'test', loss: 1, accuracy: null },
      { kind: 'cleared', runId: 'r2' },
    );
    expect([state.events, state.evaluations, state.snapshot]).toEqual([[], [], null]);
  });

  it('replaces evaluations of steps that are trained again', () => {
    const at = (step: number, accuracy: number): EngineMessage => ({
      kind: 'evaluation',
      step,
      split: 'test',
      loss: null,
      accuracy,
    });
    const state = feed(at(100, 0.5), at(200, 0.6), at(100, 0.7));
    expect(state.evaluations.map((e) => [e.step, e.accuracy])).toEqual([[100, 0.7]]);
  });
});
