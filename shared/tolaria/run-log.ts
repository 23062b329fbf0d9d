/**
 * The event log of a run: numbers events, keeps them in memory for readers and appends them to
 * storage in order, one JSON object a line.
 */
import { CorruptDataError } from '../base/errors.ts';
import { RunEvent } from '../contracts/events.ts';
import type { LineLog } from '../platform/platform.ts';

type EventBody<E> = E extends RunEvent ? Omit<E, 'seq' | 'step' | 'time'> : never;
export type NewEvent = EventBody<RunEvent>;

export class RunLog {
  #storage: LineLog | null;
  #next = 0;
  #unsaved: string[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #onEvent: (event: RunEvent) => void;

  /** @param storage Null: events are only handed to `onEvent`. */
  constructor(storage: LineLog | null, onEvent: (event: RunEvent) => void = () => {}) {
    this.#storage = storage;
    this.#onEvent = onEvent;
  }

  /** Number of events so far, saved or not. */
  get length(): number {
    return this.#next;
  }

  /** Lines that storage does not have yet, oldest first. */
  get unsaved(): readonly string[] {
    return this.#unsaved;
  }

  add(step: number, body: NewEvent, time?: number): RunEvent {
    const event = {
      seq: this.#next++,
      step,
      ...(time === undefined ? {} : { time }),
      ...body,
    } as RunEvent;
    this.#unsaved.push(JSON.stringify(event));
    this.#onEvent(event);
    return event;
  }

  /** Appends what is not saved yet. Lines stay queued when storage fails. */
  flush(): Promise<void> {
    // One at a time: two that overlap would both append the lines neither has seen saved.
    const done = this.#flushing.then(() => this.#append());
    this.#flushing = done.catch(() => undefined);
    return done;
  }

  async #append(): Promise<void> {
    if (!this.#storage || this.#unsaved.length === 0) return;
    const lines = [...this.#unsaved];
    await this.#storage.append(lines);
    // Events may have come in the meantime.
    this.#unsaved.splice(0, lines.length);
  }

  /**
   * Goes back to the first `count` events, as a resumed or rolled-back run must.
   *
   * @throws {CorruptDataError} If the log has fewer events than the checkpoint knew.
   */
  async resumeAt(count: number): Promise<RunEvent[]> {
    await this.#flushing;
    const lines = this.#storage ? await this.#storage.readAll() : [];
    if (lines.length < count) {
      throw new CorruptDataError(
        `Cannot resume: the event log has ${lines.length} events, the checkpoint was taken after ${count}`,
      );
    }
    await this.#storage?.truncate(count);
    this.#next = count;
    this.#unsaved = [];
    return lines.slice(0, count).map((line, i) => parseEvent(line, i));
  }
}

/** @throws {CorruptDataError} Naming the line. */
export function parseEvent(line: string, index: number): RunEvent {
  try {
    return RunEvent.parse(JSON.parse(line));
  } catch {
    throw new CorruptDataError(`Cannot read event log line ${index + 1}: it is not a valid event`);
  }
}
