/**
 * Copies a run's events to the server in the background. Training never waits for it: the events
 * are in the run's own log first, and whatever the server misses is sent when it is back.
 */
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { Clock } from '../platform/platform.ts';
import type { ServiceClient } from '../resilience/http-client.ts';
import { ServiceError } from '../resilience/service-error.ts';

/** Events in one request. */
const BATCH = 500;
/** Milliseconds between two looks at the queue. */
const INTERVAL_MS = 2000;
/** Events kept for a server that is away; older ones are dropped and the copy ends there. */
const MAX_QUEUED = 20_000;

export interface RunUploadOptions {
  runId: string;
  experiment: Experiment;
  adapter: string;
  client: ServiceClient;
  clock: Clock;
  /** Events of earlier sittings of a resumed run; the server drops what it has from there on. */
  earlier: readonly RunEvent[];
}

export class RunUpload {
  #o: RunUploadOptions;
  #events: RunEvent[];
  /** Number of the first event in `#events`. */
  #first = 0;
  /** Number of the next event to send. */
  #next: number;
  #rewind: number | null;
  #registered = false;
  #stop = new AbortController();
  #loop: Promise<void>;
  /** Why the copy ended early; null while it goes on. */
  ended: string | null = null;

  constructor(options: RunUploadOptions) {
    this.#o = options;
    this.#events = [...options.earlier];
    this.#next = this.#events.length;
    this.#rewind = this.#next > 0 ? this.#next : null;
    this.#loop = this.#run();
  }

  add(event: RunEvent): void {
    if (this.ended) return;
    this.#events.push(event);
    if (this.#events.length <= MAX_QUEUED) return;
    // What the server has needs no keeping; beyond that the copy would have a hole.
    const sent = this.#next - this.#first;
    if (sent > 0) {
      this.#events.splice(0, sent);
      this.#first = this.#next;
    } else {
      this.ended = `the server was away for more than ${MAX_QUEUED} events`;
    }
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#o.clock.sleep(INTERVAL_MS, this.#stop.signal).catch(() => undefined);
      await this.#send();
    }
  }

  /** Sends what is queued, until done or the first failure. */
  async #send(): Promise<void> {
    try {
      if (!this.#registered) await this.#register();
      while (!this.ended && this.#next < this.#first + this.#events.length) {
        const from = this.#next - this.#first;
        const events = this.#events.slice(from, from + BATCH);
        const body = {
          events,
          ...(this.#rewind === null ? {} : { rewind_to: this.#rewind }),
        };
        const path = `/api/v1/runs/${this.#o.runId}/events`;
        // Numbered events may be repeated: the server knows them.
        await this.#o.client.request(path, { method: 'POST', body, idempotent: true });
        this.#rewind = null;
        this.#next += events.length;
      }
    } catch (error) {
      this.#recover(error);
    }
  }

  async #register(): Promise<void> {
    const { adapter, client, experiment, runId } = this.#o;
    const body = { id: runId, experiment, adapter };
    await client.request('/api/v1/runs', { method: 'POST', body, idempotent: true });
    this.#registered = true;
  }

  #recover(error: unknown): void {
    if (!(error instanceof ServiceError) || error.kind !== 'status') return;
    if (error.status === 404 || error.status === 409) {
      // The server has other ideas of the run (its data were moved or restored): start over.
      this.#registered = false;
      if (this.#first > 0) this.ended = 'the server lost events that are no longer queued here';
      else if (error.status === 409 && this.#next === 0) this.ended = error.message;
      this.#next = this.#first;
      this.#rewind = 0;
      return;
    }
    // A server that is ill may be well again; what it refuses, it refuses next time too.
    if (!error.isServiceFault) this.ended = error.message;
  }

  /**
   * Sends the rest, for at most `ms`, and stops.
   *
   * @returns Events that the server was not told of.
   */
  async close(ms = 3000): Promise<number> {
    this.#stop.abort();
    await Promise.race([this.#loop.then(() => this.#send()), this.#o.clock.sleep(ms)]);
    return this.#first + this.#events.length - this.#next;
  }
}
