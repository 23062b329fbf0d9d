/**
 * Per-step loss and accuracy, kept outside React: typed arrays that grow to a fixed capacity.
 * When full, neighbouring points are merged in pairs, so that the whole run stays in view at half
 * the resolution and memory is bounded. The complete series is in the run's event log.
 */
import type { SeriesChunk } from '../shared/contracts/engine-protocol.ts';

/** Points kept before the first merge: 24 bytes each, so 12 MB. */
const DEFAULT_CAPACITY = 1 << 19;

/** Read-only view of the points so far; the arrays have equal length, steps ascend. */
export interface SeriesView {
  steps: Float64Array;
  loss: Float64Array;
  accuracy: Float64Array;
}

/** Appends chunks and tells its listeners each time; a listener that draws coalesces by frame. */
export class SeriesBuffer {
  #capacity: number;
  #steps: Float64Array;
  #loss: Float64Array;
  #accuracy: Float64Array;
  #length = 0;
  #stride = 1;
  #listeners = new Set<() => void>();

  /** @param capacity Even number of points, at least 2. */
  constructor(capacity = DEFAULT_CAPACITY) {
    if (capacity < 2 || capacity % 2 !== 0) {
      throw new RangeError(`Cannot keep ${capacity} points: capacity must be even and at least 2`);
    }
    this.#capacity = capacity;
    const initial = Math.min(capacity, 4096);
    this.#steps = new Float64Array(initial);
    this.#loss = new Float64Array(initial);
    this.#accuracy = new Float64Array(initial);
  }

  get length(): number {
    return this.#length;
  }

  /** Recorded points that one kept point stands for; 1 while nothing was merged. */
  get stride(): number {
    return this.#stride;
  }

  /**
   * Adds a chunk. A chunk that starts at or before the last step rewinds to it first: after a
   * rollback the engine sends those steps again.
   */
  append(chunk: SeriesChunk): void {
    const first = chunk.steps[0];
    if (first === undefined) return;
    while (this.#length > 0 && (this.#steps[this.#length - 1] as number) >= first) this.#length--;
    for (let i = 0; i < chunk.steps.length; i++) {
      if (this.#length === this.#capacity) this.#merge();
      if (this.#length === this.#steps.length) this.#grow();
      this.#steps[this.#length] = chunk.steps[i] as number;
      this.#loss[this.#length] = chunk.loss[i] ?? Number.NaN;
      this.#accuracy[this.#length] = chunk.accuracy[i] ?? Number.NaN;
      this.#length++;
    }
    this.#notify();
  }

  clear(): void {
    this.#length = 0;
    this.#stride = 1;
    this.#notify();
  }

  /** Views, not copies: valid until the next `append` or `clear`. */
  view(): SeriesView {
    return {
      steps: this.#steps.subarray(0, this.#length),
      loss: this.#loss.subarray(0, this.#length),
      accuracy: this.#accuracy.subarray(0, this.#length),
    };
  }

  /** @returns A function that stops the listening. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #grow(): void {
    const size = Math.min(this.#capacity, this.#steps.length * 2);
    const enlarge = (old: Float64Array): Float64Array => {
      const larger = new Float64Array(size);
      larger.set(old);
      return larger;
    };
    this.#steps = enlarge(this.#steps);
    this.#loss = enlarge(this.#loss);
    this.#accuracy = enlarge(this.#accuracy);
  }

  /** Pairs become one point: the later step, and the mean of what was measured. */
  #merge(): void {
    for (let i = 0; i + 1 < this.#length; i += 2) {
      const to = i / 2;
      this.#steps[to] = this.#steps[i + 1] as number;
      this.#loss[to] = meanOfMeasured(this.#loss[i] as number, this.#loss[i + 1] as number);
      this.#accuracy[to] = meanOfMeasured(
        this.#accuracy[i] as number,
        this.#accuracy[i + 1] as number,
      );
    }
    this.#length = Math.floor(this.#length / 2);
    this.#stride *= 2;
  }
}

function meanOfMeasured(a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  if (Number.isNaN(b)) return a;
  return (a + b) / 2;
}
