/**
 * The seam between the worker's message port and whatever trains. The worker file only moves
 * messages; the host decides what a request means.
 */
import { messageOf } from '../shared/base/errors.ts';
import type {
  EngineEnvelope,
  EngineMessage,
  EngineRequest,
  ServerTokenRequest,
} from '../shared/contracts/engine-protocol.ts';

/** Trains and answers. Created once per worker. */
export interface EngineHost {
  /**
   * Carries out one request. Requests arrive in order but may overlap: `pause` comes while
   * `start` is still compiling.
   *
   * @returns The reply's value; see `EngineRequest` for the requests that have one.
   */
  handle(request: EngineRequest | ServerTokenRequest): Promise<unknown>;
}

/** Sends one message to the page. */
export type EmitMessage = (message: EngineMessage) => void;

/** The part of a worker's global scope that this module uses. */
export interface HostPort {
  postMessage(message: EngineMessage, transfer: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}

/**
 * Answers every envelope that arrives on `port` with one `reply`, also when the host throws or
 * could not be created, so that the page never waits for an answer that will not come.
 *
 * @param createHost Starts the engine; its failure is reported once as a notice and again in the
 *   reply to each request.
 */
export function serveHost(
  port: HostPort,
  createHost: (emit: EmitMessage) => Promise<EngineHost> | EngineHost,
): void {
  const emit: EmitMessage = (message) => port.postMessage(message, transferablesOf(message));
  const host = (async () => createHost(emit))();
  host.catch((error: unknown) => {
    emit({ kind: 'notice', level: 'error', code: 'engine-failed', message: messageOf(error) });
  });
  port.addEventListener('message', (event) => {
    const { id, request } = event.data as EngineEnvelope;
    host
      .then((ready) => ready.handle(request))
      .then(
        (value) => emit({ kind: 'reply', id, ok: true, value }),
        (error: unknown) => {
          const name = error instanceof Error ? error.name : 'Error';
          emit({ kind: 'reply', id, ok: false, error: { name, message: messageOf(error) } });
        },
      );
  });
}

/** Buffers that can move to the page without a copy; the host must not touch them afterwards. */
function transferablesOf(message: EngineMessage): Transferable[] {
  if (message.kind === 'boundary') return transferable(message.image.probabilities);
  if (message.kind === 'series') {
    const { steps, loss, accuracy } = message.series;
    const buffers = [steps, loss, accuracy].flatMap(transferable);
    return [...new Set(buffers)];
  }
  return [];
}

/** A view on part of a larger buffer is copied: moving it would take its neighbours along. */
function transferable(view: Float32Array | Float64Array): ArrayBuffer[] {
  const whole = view.byteOffset === 0 && view.byteLength === view.buffer.byteLength;
  return whole && view.buffer instanceof ArrayBuffer ? [view.buffer] : [];
}
