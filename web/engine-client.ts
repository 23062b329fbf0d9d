/**
 * The page's side of the engine: typed requests with replies, and a stream of messages. It knows
 * the protocol and nothing of React or of training.
 */
import type {
  EngineEnvelope,
  EngineMessage,
  EngineRequest,
  ServerTokenRequest,
} from '../shared/contracts/engine-protocol.ts';

/** The part of a Worker that the client uses. */
export interface EnginePort {
  postMessage(envelope: EngineEnvelope): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<EngineMessage>) => void): void;
  addEventListener(
    type: 'error' | 'messageerror',
    listener: (event: Event & { message?: string }) => void,
  ): void;
}

/** A request the engine refused or could not carry out; `name` is the class it threw. */
export class EngineRequestError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** One per page. Listeners get every message but replies, in the order sent. */
export class EngineClient {
  #port: EnginePort;
  #nextId = 1;
  #pending = new Map<number, Pending>();
  #listeners = new Set<(message: EngineMessage) => void>();
  #failure: string | null = null;

  constructor(port: EnginePort) {
    this.#port = port;
    port.addEventListener('message', (event) => this.#receive(event.data));
    port.addEventListener('error', (event) => this.#fail(event.message));
    port.addEventListener('messageerror', () => this.#fail('a message could not be read'));
  }

  /**
   * Sends a request and resolves with the reply's value.
   *
   * @throws {EngineRequestError} When the engine refuses, with the engine's own message.
   */
  request(request: EngineRequest | ServerTokenRequest): Promise<unknown> {
    if (this.#failure !== null) {
      return Promise.reject(new EngineRequestError('EngineStopped', this.#failure));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.postMessage({ id, request });
    });
  }

  /** @returns A function that stops the listening. */
  listen(listener: (message: EngineMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #receive(message: EngineMessage): void {
    if (message.kind !== 'reply') {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (message.ok) pending.resolve(message.value);
    else pending.reject(new EngineRequestError(message.error.name, message.error.message));
  }

  /** A worker that failed to load or threw outside a request answers nothing more. */
  #fail(detail: string | undefined): void {
    const message = `The training engine stopped: ${detail || 'its script did not load'}. Reload the page; the run continues from its last checkpoint`;
    this.#failure = message;
    for (const pending of this.#pending.values()) {
      pending.reject(new EngineRequestError('EngineStopped', message));
    }
    this.#pending.clear();
    this.#receive({ kind: 'notice', level: 'error', code: 'engine-failed', message });
  }
}
