/** Verifies and times the candidate tiles of one dispatch, for the autotuner. */
import { messageOf } from '../../base/errors.ts';
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import { sameTile, type Tile } from '../kernels/tiles.ts';
import type { TuningChoice } from '../plan/backend.ts';
import type { Dispatch } from '../plan/plan.ts';
import type { PreparedCall, Workbench } from './tuning-workbench.ts';

/** What became of one candidate. */
export interface CandidateTime {
  tile: Tile;
  /** Null: it gave other bits than the default, or did not run; `reason` says which. */
  milliseconds: number | null;
  reason?: string;
}

export interface TileDecision {
  tile: Tile;
  source: TuningChoice['source'];
  /** Empty where nothing was measured. */
  candidates: CandidateTime[];
}

/** Measurements of each candidate, in turn; the fastest counts. */
const ROUNDS = 3;
/** Reason of a candidate that a later session measures. */
export const UNTRIED = 'no time was left';
/** A candidate must be this much faster than the default: less may be noise. */
const GAIN = 0.95;

export interface MeasureOptions {
  minMs: number;
  /** When to stop compiling candidates; the first few are compiled in any case. */
  deadline: number;
  /** An earlier decision: only the default, its choice and what it left are tried. */
  begun: TileDecision | undefined;
  /** Candidates that are compiled side by side: the deadline is looked at between two such lots. */
  atOnce: number;
  /** The device is to be closed: nothing more is compiled or timed. */
  isEnding?(): boolean;
  /** Makes the device do nothing else meanwhile. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Verifies, then times, the candidates of one dispatch; the default comes first.
 *
 * @returns Null if the device was to be closed before it was done.
 */
export async function measure(
  dispatch: Dispatch,
  context: LoweringContext,
  bench: Workbench,
  { alone, atOnce, begun, deadline, isEnding = () => false, minMs }: MeasureOptions,
): Promise<TileDecision | null> {
  const lower = (tiles: Record<string, Tile>): KernelCall =>
    loweringOf(dispatch.op)(dispatch, { ...context, tiles });
  const { key, candidates } = lower({}).choice!;
  const times: CandidateTime[] = candidates.map((tile) => ({ tile, milliseconds: null }));
  const ready: { at: number; call: PreparedCall }[] = [];
  const wanted: number[] = [];
  candidates.forEach((tile, at) => {
    const earlier = begun?.candidates.find((c) => sameTile(c.tile, tile));
    const settled = earlier && earlier.reason !== UNTRIED && at > 0 && !sameTile(tile, begun!.tile);
    if (settled) times[at] = { ...earlier, tile };
    else wanted.push(at);
  });
  bench.open(lower({}));
  try {
    for (let first = 0; first < wanted.length; first += atOnce) {
      if (isEnding()) return null;
      const lot = wanted.slice(first, first + atOnce);
      if (first > 0 && performance.now() > deadline) {
        for (const at of lot) times[at]!.reason = UNTRIED;
        continue;
      }
      // Compilers work side by side; one kernel's failure is not the others'.
      const made = await Promise.allSettled(
        lot.map((at) => bench.prepare(lower({ [key]: candidates[at]! }))),
      );
      made.forEach((result, i) => {
        if (result.status === 'fulfilled') ready.push({ at: lot[i]!, call: result.value });
        else times[lot[i]!]!.reason = messageOf(result.reason);
      });
    }
    if (isEnding()) return null;
    // Without a default to compare with nothing may be chosen.
    if (ready[0]?.at !== 0) throw new Error(times[0]!.reason);
    const results = await bench.results(ready.map((r) => r.call));
    const sound = ready.filter(({ at }, i) => {
      const alike = sameWords(results[i]!, results[0]!);
      if (!alike) times[at]!.reason = 'other bits than the default';
      return alike;
    });
    if (isEnding()) return null;
    const calls = sound.map((r) => r.call);
    const measured = await alone(() => bench.times(calls, minMs, ROUNDS));
    measured.forEach((ms, i) => {
      times[sound[i]!.at]!.milliseconds = ms;
    });
  } finally {
    bench.close();
  }
  const standard = times[0]!;
  let best = standard;
  for (const { at } of ready) {
    const t = times[at]!;
    if (t.milliseconds === null || t.milliseconds >= standard.milliseconds! * GAIN) continue;
    if (t.milliseconds < best.milliseconds!) best = t;
  }
  return { tile: best.tile, source: 'measured', candidates: times };
}

export function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, k) => word === b[k]);
}
