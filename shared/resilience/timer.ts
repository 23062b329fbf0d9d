/** Time as the resilience parts need it; `shared/platform` clocks have this shape. */
export interface Timer {
  /** Monotonic milliseconds. Wall time would keep a breaker open when someone sets it back. */
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
