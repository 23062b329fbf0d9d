/** The control buffer of one plan: step counters, replica seeds and the schedule table. */

import { CONTROL, controlWords, scheduleBase } from '../engine/kernels/control.ts';
import type { Backend, DeviceBuffer } from '../engine/plan/backend.ts';

export class ControlBuffer {
  readonly buffer: DeviceBuffer;
  readonly scheduleBase: number;
  readonly scheduleColumns: number;
  #backend: Backend;
  #seeds: readonly number[];

  /**
   * @param chunk Rows of the schedule table: most steps between two writes.
   * @param seeds Seed of each replica.
   */
  constructor(backend: Backend, chunk: number, columns: number, seeds: readonly number[]) {
    this.#backend = backend;
    this.#seeds = seeds;
    this.scheduleBase = scheduleBase(seeds.length);
    this.scheduleColumns = columns;
    this.buffer = backend.createBuffer('control', controlWords(seeds.length, chunk, columns));
  }

  /**
   * Prepares the next steps: counters at `step`, fault cleared, one schedule row a step.
   *
   * @param fill Writes the row of a step at an index of the table; all replicas get the same row.
   */
  write(
    step: number,
    steps: number,
    fill: (out: Float32Array, at: number, step: number) => void,
  ): void {
    const replicas = this.#seeds.length;
    const columns = this.scheduleColumns;
    const { table, words } = this.#blank(step, steps);
    for (let i = 0; i < steps; i++) {
      const first = i * replicas * columns;
      fill(table, first, step + i);
      for (let r = 1; r < replicas; r++) {
        table.copyWithin(first + r * columns, first, first + columns);
      }
    }
    this.#backend.writeWords(this.buffer, words);
  }

  /** {@link write} with a row of its own for each replica. */
  writeRows(
    step: number,
    steps: number,
    fill: (out: Float32Array, at: number, step: number, replica: number) => void,
  ): void {
    const replicas = this.#seeds.length;
    const { table, words } = this.#blank(step, steps);
    for (let i = 0; i < steps; i++) {
      for (let r = 0; r < replicas; r++) {
        fill(table, (i * replicas + r) * this.scheduleColumns, step + i, r);
      }
    }
    this.#backend.writeWords(this.buffer, words);
  }

  /** Words with counters and seeds, and the schedule table in them. */
  #blank(step: number, steps: number) {
    const size = steps * this.#seeds.length * this.scheduleColumns;
    const words = new Uint32Array(this.scheduleBase + size);
    words[CONTROL.next] = step;
    words[CONTROL.step] = step;
    words[CONTROL.chunkStart] = step;
    words.set(this.#seeds, CONTROL.seeds);
    return { words, table: new Float32Array(words.buffer, this.scheduleBase * 4) };
  }

  dispose(): void {
    this.#backend.destroyBuffer(this.buffer);
  }
}
