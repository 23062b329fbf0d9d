/** The page's side of verdicts: starts the worker when it is first needed and keeps what it says. */
import { create } from 'zustand';
import type {
  SuiteName,
  SuiteResult,
  VerdictMessage,
  VerdictProgress,
  VerdictReport,
  VerdictRequest,
} from '../shared/contracts/verdict.ts';

export interface VerdictState {
  status: 'idle' | 'running' | 'stopping';
  progress: VerdictProgress | null;
  report: VerdictReport | null;
  /** A published experiment under way, and what it found. */
  suiteProgress: { share: number; label: string } | null;
  suite: SuiteResult | null;
  /** The report as a page of its own. */
  html: string | null;
  /** Why the last request failed. */
  error: string | null;
  note: string | null;
}

const IDLE: VerdictState = {
  ...{ status: 'idle', progress: null, report: null, html: null, error: null, note: null },
  ...{ suiteProgress: null, suite: null },
};

export const useVerdictStore = create<VerdictState>()(() => IDLE);

/** The part of a Worker that the store uses. */
export interface VerdictPort {
  postMessage(request: VerdictRequest): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<VerdictMessage>) => void): void;
  addEventListener(type: 'error', listener: (event: Event & { message?: string }) => void): void;
}

let createPort: (() => VerdictPort) | null = null;
let port: VerdictPort | null = null;

/** Says how the worker is made; called once before the first render. */
export function connectVerdicts(create: () => VerdictPort): void {
  createPort = create;
  port = null;
  useVerdictStore.setState(IDLE);
}

function send(request: VerdictRequest): void {
  if (port === null) {
    if (createPort === null) throw new Error('Cannot run a verdict: no worker was connected');
    const fresh = createPort();
    fresh.addEventListener('message', (event) => receive(event.data));
    fresh.addEventListener('error', (event) => {
      port = null;
      fail(event.message ?? 'the worker stopped');
    });
    port = fresh;
  }
  port.postMessage(request);
}

function fail(error: string): void {
  useVerdictStore.setState({ status: 'idle', progress: null, suiteProgress: null, error });
}

function receive(message: VerdictMessage): void {
  switch (message.kind) {
    case 'note':
      useVerdictStore.setState({ note: message.message });
      return;
    case 'progress':
      useVerdictStore.setState({ progress: message.progress });
      return;
    case 'report': {
      const { html, report } = message;
      useVerdictStore.setState({ ...IDLE, report, html });
      return;
    }
    case 'suite-progress': {
      const { label, share } = message;
      useVerdictStore.setState({ suiteProgress: { label, share } });
      return;
    }
    case 'suite':
      useVerdictStore.setState({ ...IDLE, suite: message.result });
      return;
    case 'failed':
      fail(message.message);
  }
}

export function startVerdict(
  request: Omit<Extract<VerdictRequest, { kind: 'run' }>, 'kind'>,
): void {
  useVerdictStore.setState({ ...IDLE, status: 'running' });
  send({ kind: 'run', ...request });
}

export function startSuite(name: SuiteName, seeds: number): void {
  useVerdictStore.setState({ ...IDLE, status: 'running' });
  send({ kind: 'suite', name, seeds });
}

/** The runs that have ended are judged all the same. */
export function stopVerdict(): void {
  useVerdictStore.setState({ status: 'stopping' });
  send({ kind: 'stop' });
}

export async function openReport(file: Blob): Promise<void> {
  const text = await file.text();
  useVerdictStore.setState({ error: null });
  send({ kind: 'open', text });
}
