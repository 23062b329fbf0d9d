/**
 * What the page knows about the engine and the run, reduced from the engine's messages. Snapshots
 * come at most ten times a second, and parts that did not change keep their identity, so a panel
 * renders only when what it shows has changed. Per-step series live in `runSeries`, outside React.
 */
import { replaceEqualDeep } from '@tanstack/react-query';
import { create } from 'zustand';
import type { WorkReport } from '../shared/contracts/branch-protocol.ts';
import type {
  AdapterReport,
  BoundaryImage,
  DataReport,
  EngineMessage,
  EngineSnapshot,
  NoticeCode,
  PredictionReport,
} from '../shared/contracts/engine-protocol.ts';
import type { RunEvent } from '../shared/contracts/events.ts';
import type { Experiment } from '../shared/contracts/experiment.ts';
import { type Announcement, announceBreakers, announceEvent } from './run-announcements.ts';
import { SeriesBuffer } from './series-buffer.ts';

/** Events kept for the log and the timeline; the run's own log keeps all of them. */
export const MAX_EVENTS = 4000;
/** A batch larger than this is a stored log being read back, not news. */
const NEWS_BATCH = 40;
const MAX_TOASTS = 4;

export interface Evaluation {
  step: number;
  split: 'train' | 'validation' | 'test';
  loss: number | null;
  accuracy: number | null;
}

export interface Notice {
  level: 'info' | 'warning' | 'error';
  code: NoticeCode;
  message: string;
}

export interface Toast extends Announcement {
  id: number;
}

export interface RunState {
  adapter: AdapterReport | null;
  data: DataReport | null;
  experiment: Experiment | null;
  snapshot: EngineSnapshot | null;
  /** `performance.now()` when the snapshot came: countdowns run on from there. */
  snapshotAt: number;
  evaluations: Evaluation[];
  /** Oldest first, without `metrics` and `health`, which the charts and the heatmap show. */
  events: RunEvent[];
  eventsDropped: number;
  boundary: BoundaryImage | null;
  predictions: PredictionReport | null;
  /** Long work on stored runs. */
  work: WorkReport | null;
  /** At most one a code. */
  notices: Notice[];
  toasts: Toast[];
  nextToastId: number;
}

export const INITIAL_RUN_STATE: RunState = {
  adapter: null,
  data: null,
  experiment: null,
  snapshot: null,
  snapshotAt: 0,
  evaluations: [],
  events: [],
  eventsDropped: 0,
  boundary: null,
  predictions: null,
  work: null,
  notices: [],
  toasts: [],
  nextToastId: 1,
};

export const useRunStore = create<RunState>()(() => INITIAL_RUN_STATE);

/** The run's loss and accuracy per step. */
export const runSeries = new SeriesBuffer();

/** Feeds one message to the store and the series; connect it with `client.listen`. */
export function receiveMessage(message: EngineMessage): void {
  if (message.kind === 'series') {
    runSeries.append(message.series);
    return;
  }
  if (message.kind === 'cleared') runSeries.clear();
  useRunStore.setState((state) => reduceMessage(state, message, performance.now()));
}

/**
 * State after a message. Pure.
 *
 * @param now Milliseconds on the page's monotonic clock.
 */
export function reduceMessage(state: RunState, message: EngineMessage, now: number): RunState {
  switch (message.kind) {
    case 'adapter':
      return { ...state, adapter: message.adapter };
    case 'data':
      return { ...state, data: message.data };
    case 'experiment':
      return { ...state, experiment: replaceEqualDeep(state.experiment, message.experiment) };
    case 'snapshot':
      return reduceSnapshot(state, message.snapshot, now);
    case 'evaluation': {
      const { kind: _, ...evaluation } = message;
      const others = state.evaluations.filter(
        (e) => e.split !== evaluation.split || e.step < evaluation.step,
      );
      return { ...state, evaluations: [...others, evaluation] };
    }
    case 'events':
      return reduceEvents(state, message.events);
    case 'boundary':
      return { ...state, boundary: message.image };
    case 'predictions':
      return { ...state, predictions: message.report };
    case 'work':
      return { ...state, work: message.work };
    case 'notice':
      return withNotice(state, message);
    case 'cleared':
      return {
        ...state,
        evaluations: [],
        events: [],
        eventsDropped: 0,
        boundary: null,
        predictions: null,
        snapshot: state.snapshot?.runId === message.runId ? state.snapshot : null,
      };
    case 'series':
    case 'reply':
      return state;
  }
}

function reduceSnapshot(state: RunState, snapshot: EngineSnapshot, now: number): RunState {
  const shared = replaceEqualDeep(state.snapshot, snapshot);
  const next = { ...state, snapshot: shared, snapshotAt: now };
  const previous = state.snapshot?.runId === snapshot.runId ? state.snapshot.services : [];
  return announceBreakers(previous, snapshot.services).reduce(withToast, next);
}

function reduceEvents(state: RunState, events: RunEvent[]): RunState {
  const kept = events.filter((e) => e.type !== 'metrics' && e.type !== 'health');
  const first = kept[0];
  if (!first) return state;
  // A rollback or a resume sends a part of the log again.
  const before = state.events.filter((e) => e.seq < first.seq);
  const all = [...before, ...kept];
  const dropped = Math.max(0, all.length - MAX_EVENTS);
  const next = {
    ...state,
    events: dropped > 0 ? all.slice(dropped) : all,
    eventsDropped: state.eventsDropped + dropped,
  };
  if (events.length > NEWS_BATCH) return next;
  const news = kept.map(announceEvent).filter((a) => a !== null);
  return news.reduce(withToast, next);
}

/** Adds a toast and drops the oldest beyond four; errors are dropped last. */
export function withToast(state: RunState, announcement: Announcement): RunState {
  const toasts = [...state.toasts, { ...announcement, id: state.nextToastId }];
  while (toasts.length > MAX_TOASTS) {
    const calm = toasts.findIndex((t) => t.level !== 'error');
    toasts.splice(Math.max(0, calm), 1);
  }
  return { ...state, toasts, nextToastId: state.nextToastId + 1 };
}

/** Replaces the notice of the same code; a restored device or server withdraws its loss. */
export function withNotice(state: RunState, notice: Notice): RunState {
  const { level, code, message } = notice;
  const ends: Partial<Record<NoticeCode, NoticeCode>> = {
    'device-restored': 'device-lost',
    'server-back': 'server-away',
  };
  const others = state.notices.filter((n) => n.code !== code && n.code !== ends[code]);
  if (ends[code]) return withToast({ ...state, notices: others }, { level: 'info', text: message });
  return { ...state, notices: [...others, { level, code, message }] };
}

/** Shows a toast for something that happened in the page itself. */
export function showToast(announcement: Announcement): void {
  useRunStore.setState((state) => withToast(state, announcement));
}

export function dismissToast(id: number): void {
  useRunStore.setState((state) => ({ toasts: state.toasts.filter((t) => t.id !== id) }));
}

/** Shows a banner for a condition the page itself found. */
export function showNotice(notice: Notice): void {
  useRunStore.setState((state) => withNotice(state, notice));
}

export function dismissNotice(code: NoticeCode): void {
  useRunStore.setState((state) => ({ notices: state.notices.filter((n) => n.code !== code) }));
}
