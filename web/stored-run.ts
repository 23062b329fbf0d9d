/**
 * Which run this tab showed last, so that a reload finds it again. The run itself is in the
 * worker's storage; this is only its name.
 */
const KEY = 'esper.last-run';

export interface StoredRun {
  runId: string;
  wasRunning: boolean;
  /** Fragment of the address while the run was on screen. */
  hash: string;
}

/** The last run, or null: none yet, or storage is not readable (private mode). */
export function readStoredRun(): StoredRun | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    if (value === null || typeof value !== 'object') return null;
    const { runId, wasRunning, hash } = value as Partial<StoredRun>;
    return typeof runId === 'string' && runId !== ''
      ? { runId, wasRunning: wasRunning === true, hash: typeof hash === 'string' ? hash : '' }
      : null;
  } catch {
    return null;
  }
}

/** Remembers the run, or forgets it with null. Losing this costs a reload its run, nothing more. */
export function writeStoredRun(run: StoredRun | null): void {
  try {
    if (run === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(run));
  } catch {
    // Storage is off or full: the run goes on, only a reload would not find it.
  }
}
