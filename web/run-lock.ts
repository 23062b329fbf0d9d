/**
 * One tab a run: two engines writing the same stored run would spoil it. The browser's lock manager
 * frees the lock when the tab closes, crashes or reloads.
 */

/** A reloading tab frees its lock a moment after the new page asks for it. */
const PATIENCE_MS = 2000;

interface Claim {
  runId: string;
  result: Promise<boolean>;
  /** Gives the lock back, or stops waiting for it. */
  release: () => void;
}

let current: Claim | null = null;

/**
 * Claims the run for this tab and gives up the one it had.
 *
 * @returns False when another tab shows the run. True without a lock where the browser has none.
 */
export function claimRun(runId: string): Promise<boolean> {
  if (!navigator.locks) return Promise.resolve(true);
  if (current?.runId === runId) return current.result;
  current?.release();
  let giveBack: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    giveBack = resolve;
  });
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), PATIENCE_MS);
  const result = new Promise<boolean>((resolve) => {
    navigator.locks
      .request(`esper.run.${runId}`, { signal: waiting.signal }, () => {
        clearTimeout(timer);
        resolve(true);
        return released;
      })
      .catch(() => resolve(false));
  });
  const release = (): void => {
    clearTimeout(timer);
    waiting.abort();
    giveBack();
  };
  current = { runId, result, release };
  return result;
}
