/**
 * Copies a run's events to the server in the background. Training never waits for it: the events
 * are in the run's own log first, and whatever the server misses is sent when it is back.
 */
import { CorruptDataError } from '../base/errors.ts';
import type { JobLease } from '../contracts/api-jobs.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Experiment } from '../contracts/experiment.ts';
import type { UploadStatus } from '../contracts/services.ts';
import type { Clock, LineLog } from '../platform/platform.ts';
import type { ServiceClient } from '../resilience/http-client.ts';
import { ServiceError } from '../resilience/service-error.ts';
import { parseEvent } from '../tolaria/run-log.ts';

/** Events in one request. */
const BATCH = 500;
/** Milliseconds between two looks at the queue. */
const INTERVAL_MS = 2000;
/** Events kept in memory for a server that is away; older ones are read from the run's log. */
const MAX_QUEUED = 20_000;

/** Milliseconds the last attempt may take, and between two of those who try on. */
const ONCE_MS = 3000;
const AGAIN_MS = 1000;

export interface RunUploadOptions {
  runId: string;
  experiment: Experiment;
  adapter: string;
  client: ServiceClient;
  /** The run is a job's, and this lease is the right to write to its log; absent: it is not. */
  lease?: JobLease;
  clock: Clock;
  /** Events of earlier sittings of a resumed run; the server drops what it has from there on. */
  earlier: readonly RunEvent[];
  /** The run's own log, line i is event i; null: the run keeps none. */
  log: LineLog | null;
  /** @default {MAX_QUEUED} */
  maxQueued?: number;
  /** Called when the server has more, or it is known that it will not. */
  onChange?(): void;
}

export class RunUpload {
  #o: RunUploadOptions;
  /** The newest events. */
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
  #ended: string | null = null;
  /** First event that a failed request left behind; null: none did. */
  #missedFrom: number | null = null;
  #caughtUp: number | null = null;

  constructor(options: RunUploadOptions) {
    this.#o = options;
    this.#events = [...options.earlier];
    this.#next = this.#events.length;
    this.#rewind = this.#next > 0 ? this.#next : null;
    this.#loop = this.#run();
  }

  get status(): UploadStatus {
    const lacking = this.#total - this.#next;
    return {
      lacking,
      late: this.#missedFrom !== null,
      caughtUp: this.#caughtUp,
      ended: this.#ended,
    };
  }

  /** Events so far. */
  get #total(): number {
    return this.#first + this.#events.length;
  }

  add(event: RunEvent): void {
    this.#events.push(event);
    const { log, maxQueued = MAX_QUEUED } = this.#o;
    if (this.#events.length <= maxQueued) return;
    // What the server has needs no keeping, and what is in the log can be read there.
    const sent = this.#next - this.#first;
    const kept = log ? Math.min(BATCH, Math.ceil(maxQueued / 2)) : 0;
    const spare = this.#ended ? this.#events.length : Math.max(sent, kept);
    if (spare > 0) {
      this.#events.splice(0, spare);
      this.#first += spare;
    } else {
      this.#end(`the server was away for more than ${maxQueued} events, and this run keeps no log`);
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
    const before = this.#next;
    try {
      if (!this.#registered) await this.#register();
      // What is no longer in memory is read at once, and parsed as it is sent.
      let lines: string[] = [];
      while (!this.#ended && this.#next < this.#total) {
        if (this.#next >= this.#first) {
          const from = this.#next - this.#first;
          await this.#sendBatch(this.#events.slice(from, from + BATCH));
          continue;
        }
        if (lines.length === 0) {
          lines = ((await this.#o.log?.readAll()) ?? []).slice(this.#next, this.#first);
        }
        if (lines.length === 0) {
          // Not written yet, or the storage is full: the next look may find them.
          this.#missedFrom ??= this.#next;
          break;
        }
        const first = this.#next;
        await this.#sendBatch(lines.splice(0, BATCH).map((line, i) => parseEvent(line, first + i)));
      }
      this.#arrived();
    } catch (error) {
      // Whether they are late is known only from here on.
      if (!this.#ended) this.#missedFrom ??= this.#next;
      this.#recover(error);
      this.#o.onChange?.();
      return;
    }
    if (this.#next !== before) this.#o.onChange?.();
  }

  #arrived(): void {
    if (this.#missedFrom === null || this.#ended || this.#next < this.#total) return;
    this.#caughtUp = this.#next - this.#missedFrom;
    this.#missedFrom = null;
  }

  async #sendBatch(events: readonly RunEvent[]): Promise<void> {
    const rewind = this.#rewind === null ? {} : { rewind_to: this.#rewind };
    const body = { events, ...rewind, ...this.#lease };
    const path = `/api/v1/runs/${this.#o.runId}/events`;
    // Numbered events may be repeated: the server knows them.
    await this.#o.client.request(path, { method: 'POST', body, idempotent: true });
    this.#rewind = null;
    this.#next += events.length;
  }

  get #lease(): { lease?: JobLease } {
    return this.#o.lease ? { lease: this.#o.lease } : {};
  }

  async #register(): Promise<void> {
    const { adapter, client, experiment, runId } = this.#o;
    const body = { id: runId, experiment, adapter, ...this.#lease };
    await client.request('/api/v1/runs', { method: 'POST', body, idempotent: true });
    this.#registered = true;
  }

  #recover(error: unknown): void {
    if (error instanceof CorruptDataError) this.#end(error.message);
    if (!(error instanceof ServiceError) || error.kind !== 'status') return;
    // What the run's id stands for, or who may write to it, no other order of events changes.
    const isRefused = error.problem === '/problems/lease-lost' || !this.#registered;
    if (error.status === 409 && isRefused) this.#end(error.message);
    else if (error.status === 404 || error.status === 409) {
      // The server has other ideas of the run (its data were moved or restored): start over.
      this.#registered = false;
      const start = this.#o.log ? 0 : this.#first;
      if (start > 0) this.#end('the server lost events that are no longer queued here');
      this.#next = start;
      this.#rewind = 0;
      this.#missedFrom = start;
      return;
    }
    // A server that is ill may be well again; what it refuses, it refuses next time too.
    if (!error.isServiceFault) this.#end(error.message);
  }

  #end(why: string): void {
    this.#ended ??= why;
    this.#o.onChange?.();
  }

  /**
   * Sends the rest, and stops.
   *
   * @param deliverMs Milliseconds to try again and again, for who owes the server the whole log;
   *   absent: it is tried once, for three seconds.
   * @returns Events that the server was not told of.
   */
  async close(deliverMs?: number): Promise<number> {
    this.#stop.abort();
    const { clock } = this.#o;
    const end = clock.now() + (deliverMs ?? ONCE_MS);
    for (;;) {
      const left = Math.max(0, end - clock.now());
      const sent = new AbortController();
      const over = clock.sleep(left, sent.signal).catch(() => undefined);
      await Promise.race([this.#loop.then(() => this.#send()), over]);
      sent.abort();
      const lacking = this.#total - this.#next;
      const isOver = clock.now() + AGAIN_MS >= end;
      if (lacking === 0 || this.#ended || deliverMs === undefined || isOver) return lacking;
      await clock.sleep(AGAIN_MS);
    }
  }
}
