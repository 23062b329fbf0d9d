/** Waits for a ring, a time, or both; remembers one ring while nobody waits. */
import type { Clock } from '#shared/platform/platform.ts';

export class Doorbell {
  #isRung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** @returns False if nobody rang within `ms`. */
  async wait(clock: Pick<Clock, 'sleep'>, ms: number): Promise<boolean> {
    if (!this.#isRung) {
      const rung = new AbortController();
      this.#wake = () => rung.abort();
      await clock.sleep(ms, rung.signal).catch(() => undefined);
      this.#wake = null;
    }
    const was = this.#isRung;
    this.#isRung = false;
    return was;
  }
}
