/**
 * Chooses tiles by timing them on the user's adapter. A candidate counts only if it gives
 * the default's result to the last bit, so tuning changes speed and never numbers; choices are
 * kept by adapter and shader digest, kernel and class of shapes, and can be recorded with a run.
 */
import { messageOf } from '../../base/errors.ts';
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { Tuning, TuningChoice, TuningRecord } from '../plan/backend.ts';
import type { Dispatch } from '../plan/plan.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { Readback } from './readback.ts';
import { type PreparedCall, Workbench } from './tuning-workbench.ts';

/** Where choices are kept between sessions; shared/platform's BlobStorage fits. */
export interface TuningStorage {
  read(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  write(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

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

/** Every choice that is known, with its measurements. */
export interface TuningReport {
  adapter: string;
  shaderDigest: string;
  choices: Record<string, TileDecision>;
}

export interface AutotunerOptions {
  /** Name of the adapter, as describeAdapter gives it. */
  adapter: string;
  /** Digest of the shader sources: other sources, other choices. */
  shaderDigest: string;
  storage?: TuningStorage;
  /** Choices of a recorded run; they come before all others. */
  recorded?: TuningRecord;
  /** False: only recorded and stored choices are used. @default {true} */
  measure?: boolean;
  /** Least device time of one measurement. @default {5} */
  minMs?: number;
  /**
   * Longest the measurements of one plan may take, the heaviest kernels first; kernels and candidates
   * that are left have their turn with the next plan or in the next session. @default {10000}
   */
  budgetMs?: number;
  /** Longest all measurements of this tuner may take together. @default no limit */
  totalMs?: number;
  /** Told about storage that fails; tuning goes on without it. */
  onNotice?: (message: string) => void;
}

/** A kernel that waits to be timed. */
interface Waiting {
  dispatch: Dispatch;
  context: LoweringContext;
  work: number;
  /** Times it was not ready. */
  passes: number;
}

const MIN_MS = 5;
/** Times a kernel whose variants are not compiled is passed over: then they are, while it waits. */
const MAX_PASSES = 16;
/** Measurements of each candidate, in turn; the fastest counts. */
const ROUNDS = 3;
const BUDGET_MS = 10_000;
/** Candidates that are compiled side by side: the budget is looked at between two such lots. */
const AT_ONCE = 4;
/** Reason of a candidate that a later session measures. */
const UNTRIED = 'no time was left';
/** A candidate must be this much faster than the default: less may be noise. */
const GAIN = 0.95;

export interface KnownOptions {
  /** The tiles are for a plan that will run: they are recorded. @default {false} */
  use?: boolean;
  /** What is not known waits for `timeNext`. @default {false} */
  wait?: boolean;
}

/** Gives the tiles of a plan, by the keys of tiles.ts; keys it leaves out get the default. */
export interface TileSource {
  tilesFor(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    device: GPUDevice,
    pipelines: PipelineCache,
  ): Promise<Record<string, Tile>>;
  /** Those that are known without a measurement. Absent: `tilesFor` never measures. */
  knownTiles?(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    how?: KnownOptions,
  ): Promise<Record<string, Tile>>;
  /** The variants of kernels that wait to be timed, the heaviest kernel's first. */
  waitingVariants?(): KernelCall[];
  /** See {@link Autotuner.timeNext}. */
  timeNext?(device: GPUDevice, pipelines: PipelineCache): Promise<boolean>;
  /** Resolves when nothing is being measured. Absent: nothing ever is. */
  quiet?(): Promise<void>;
}

export class Autotuner implements TileSource, Tuning {
  #options: AutotunerOptions;
  #choices = new Map<string, TileDecision>();
  /** Tiles of a recorded run: they come before all others and are not stored. */
  #recorded = new Map<string, Tile>();
  #spentMs = 0;
  /** What the plans so far were given. */
  #used = new Map<string, TuningChoice>();
  #loaded: Promise<void> | null = null;
  /** Resolves when the measurements under way are done. */
  #measuring: Promise<unknown> = Promise.resolve();
  /** Kernels that were needed, or may be, before they were timed, by key. */
  #waiting = new Map<string, Waiting>();

  constructor(options: AutotunerOptions) {
    this.#options = options;
    if (options.recorded) this.honour(options.recorded);
  }

  record(): TuningRecord {
    const { adapter, shaderDigest } = this.#options;
    return { adapter, shaderDigest, choices: Object.fromEntries(this.#used) };
  }

  honour(record: TuningRecord): void {
    const { adapter, shaderDigest } = this.#options;
    if (record.shaderDigest !== shaderDigest || record.adapter !== adapter) return;
    for (const [key, { tile }] of Object.entries(record.choices)) {
      this.#recorded.set(key, tile as unknown as Tile);
    }
  }

  /** Everything that was measured, here or by an earlier session. */
  report(): TuningReport {
    const { adapter, shaderDigest } = this.#options;
    return { adapter, shaderDigest, choices: Object.fromEntries(this.#choices) };
  }

  /** Tiles that are chosen already for the dispatches of a plan, by the keys of tiles.ts. */
  async knownTiles(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    { use = false, wait = false }: KnownOptions = {},
  ): Promise<Record<string, Tile>> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    const tiles: Record<string, Tile> = {};
    for (const dispatch of dispatches) {
      const choice = loweringOf(dispatch.op)(dispatch, context).choice;
      if (!choice || choice.candidates.length < 2) continue;
      const { candidates, key, tile, work } = choice;
      const known = this.#known(key);
      if (known && candidates.some((c) => same(c, known.tile))) {
        tiles[key] = known.tile;
        if (use) this.#use(key, known);
      } else {
        if (use) this.#use(key, { tile, source: 'default' });
        if (wait && !this.#waiting.has(key)) {
          this.#waiting.set(key, { dispatch, context, work, passes: 0 });
        }
      }
    }
    return tiles;
  }

  waitingVariants(): KernelCall[] {
    return this.#leftMs() > 0 ? this.#heaviest().flatMap(([, waiting]) => variantsOf(waiting)) : [];
  }

  /**
   * Times one kernel that waits for it, for the plans to come; those made already keep what they have.
   * It is the heaviest whose variants are compiled, or that was passed over {@link MAX_PASSES} times.
   * Must not run beside other work on the device.
   *
   * @returns Whether there was one, and time left for it.
   */
  async timeNext(device: GPUDevice, pipelines: PipelineCache): Promise<boolean> {
    if (this.#leftMs() <= 0) return false;
    for (const [key, waiting] of this.#heaviest()) {
      const isReady = variantsOf(waiting).every((call) => pipelines.has(call));
      if (!isReady && ++waiting.passes <= MAX_PASSES) continue;
      const { context, dispatch } = waiting;
      this.#waiting.delete(key);
      await this.#measure([[key, { dispatch }]], {}, context, device, pipelines);
      return true;
    }
    return false;
  }

  #heaviest(): [string, Waiting][] {
    return [...this.#waiting].sort(([, a], [, b]) => b.work - a.work);
  }

  /** What measurements may still take; nothing where only known choices are used. */
  #leftMs(): number {
    const { measure = true, totalMs = Number.POSITIVE_INFINITY } = this.#options;
    return measure ? totalMs - this.#spentMs : 0;
  }

  /** Resolves when nothing is being measured. */
  async quiet(): Promise<void> {
    for (let all: unknown = null; all !== this.#measuring; ) {
      all = this.#measuring;
      await all;
    }
  }

  /**
   * Tiles for the dispatches of a plan, by the keys of tiles.ts; measures those not known yet.
   * Must not run beside other work on the device: it would measure that too.
   */
  async tilesFor(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    device: GPUDevice,
    pipelines: PipelineCache,
  ): Promise<Record<string, Tile>> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    const tiles: Record<string, Tile> = {};
    const unknown = new Map<string, { dispatch: Dispatch; work: number; begun?: TileDecision }>();
    for (const dispatch of dispatches) {
      const choice = loweringOf(dispatch.op)(dispatch, context).choice;
      if (!choice || choice.candidates.length < 2) continue;
      const { candidates, key, tile, work } = choice;
      const known = this.#known(key);
      if (known && candidates.some((c) => same(c, known.tile))) {
        tiles[key] = known.tile;
        this.#use(key, known);
        const begun = known.source === 'recorded' ? undefined : this.#choices.get(key);
        if (begun?.candidates.some((c) => c.reason === UNTRIED)) {
          unknown.set(key, { dispatch, work, begun });
        }
      } else {
        unknown.set(key, { dispatch, work });
        this.#use(key, { tile, source: 'default' });
      }
    }
    if (unknown.size === 0 || this.#options.measure === false) return tiles;
    // What has no choice at all comes before what has one to improve.
    const heaviest = [...unknown].sort(
      ([, a], [, b]) => Number(!!a.begun) - Number(!!b.begun) || b.work - a.work,
    );
    await this.#measure(heaviest, tiles, context, device, pipelines);
    return tiles;
  }

  /** Measures, in this order, as long as there is time; adds what was chosen to `tiles`. */
  async #measure(
    unknown: readonly [string, { dispatch: Dispatch; begun?: TileDecision }][],
    tiles: Record<string, Tile>,
    context: LoweringContext,
    device: GPUDevice,
    pipelines: PipelineCache,
  ): Promise<void> {
    const { minMs = MIN_MS, budgetMs = BUDGET_MS } = this.#options;
    const start = performance.now();
    const deadline = start + Math.min(budgetMs, this.#leftMs());
    if (start >= deadline) return;
    const work = async () => {
      const readback = new Readback(device);
      const bench = new Workbench(device, pipelines, readback);
      try {
        for (const [key, { begun, dispatch }] of unknown) {
          if (performance.now() > deadline) break;
          const decision = await measure(dispatch, context, bench, { minMs, deadline, begun });
          this.#choices.set(key, decision);
          this.#waiting.delete(key);
          this.#use(key, decision);
          tiles[key] = decision.tile;
        }
      } finally {
        bench.dispose();
        readback.dispose();
        this.#spentMs += performance.now() - start;
      }
    };
    const measuring = work();
    this.#measuring = Promise.all([this.#measuring, measuring.catch(() => undefined)]);
    await measuring;
    await this.#store();
  }

  #known(key: string): Pick<TileDecision, 'tile' | 'source'> | undefined {
    const recorded = this.#recorded.get(key);
    return recorded ? { tile: recorded, source: 'recorded' } : this.#choices.get(key);
  }

  #use(key: string, { tile, source }: Pick<TileDecision, 'tile' | 'source'>): void {
    this.#used.set(key, { tile: { ...tile }, source });
  }

  get #key(): string {
    const name = this.#options.adapter.replace(/[^A-Za-z0-9]+/g, '-');
    return `tuning/${name}/${this.#options.shaderDigest.replace(/^.*:/, '')}.json`;
  }

  async #load(): Promise<void> {
    try {
      const bytes = await this.#options.storage?.read(this.#key);
      if (bytes) this.#adopt(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (error) {
      this.#options.onNotice?.(`Cannot read stored tuning, measuring anew: ${messageOf(error)}`);
    }
  }

  /** Takes over a stored table; whether a tile fits its kernel is checked where it is used. */
  #adopt(report: Partial<TuningReport> | null): void {
    for (const [key, decision] of Object.entries(report?.choices ?? {})) {
      if (typeof decision?.tile !== 'object' || decision.tile === null) continue;
      const { tile } = decision;
      const candidates = (decision.candidates ?? []).filter((c) => c?.tile);
      this.#choices.set(key, { tile, source: 'stored', candidates });
    }
  }

  async #store(): Promise<void> {
    const text = JSON.stringify(this.report());
    try {
      await this.#options.storage?.write(this.#key, new TextEncoder().encode(text));
    } catch (error) {
      this.#options.onNotice?.(`Cannot store tuning: ${messageOf(error)}`);
    }
  }
}

function variantsOf({ context, dispatch }: Waiting): KernelCall[] {
  const lower = (tiles: Record<string, Tile>) =>
    loweringOf(dispatch.op)(dispatch, { ...context, tiles });
  const { candidates, key } = lower({}).choice!;
  return candidates.map((tile) => lower({ [key]: tile }));
}

function same(a: Tile, b: Tile): boolean {
  return (
    a.rows === b.rows &&
    a.columns4 === b.columns4 &&
    a.wx === b.wx &&
    a.wy === b.wy &&
    (a.across ?? false) === (b.across ?? false) &&
    (a.quad ?? false) === (b.quad ?? false) &&
    a.slice === b.slice
  );
}

interface MeasureOptions {
  minMs: number;
  /** When to stop compiling candidates; the first few are compiled in any case. */
  deadline: number;
  /** An earlier decision: only the default, its choice and what it left are tried. */
  begun: TileDecision | undefined;
}

/** Verifies, then times, the candidates of one dispatch; the default comes first. */
async function measure(
  dispatch: Dispatch,
  context: LoweringContext,
  bench: Workbench,
  { minMs, deadline, begun }: MeasureOptions,
): Promise<TileDecision> {
  const lower = (tiles: Record<string, Tile>): KernelCall =>
    loweringOf(dispatch.op)(dispatch, { ...context, tiles });
  const { key, candidates } = lower({}).choice!;
  const times: CandidateTime[] = candidates.map((tile) => ({ tile, milliseconds: null }));
  const ready: { at: number; call: PreparedCall }[] = [];
  const wanted: number[] = [];
  candidates.forEach((tile, at) => {
    const earlier = begun?.candidates.find((c) => same(c.tile, tile));
    const settled = earlier && earlier.reason !== UNTRIED && at > 0 && !same(tile, begun!.tile);
    if (settled) times[at] = { ...earlier, tile };
    else wanted.push(at);
  });
  bench.open(lower({}));
  try {
    for (let first = 0; first < wanted.length; first += AT_ONCE) {
      const lot = wanted.slice(first, first + AT_ONCE);
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
    // Without a default to compare with nothing may be chosen.
    if (ready[0]?.at !== 0) throw new Error(times[0]!.reason);
    const results = await bench.results(ready.map((r) => r.call));
    const sound = ready.filter(({ at }, i) => {
      const same = results[i]!.every((word, k) => word === results[0]![k]);
      if (!same) times[at]!.reason = 'other bits than the default';
      return same;
    });
    const calls = sound.map((r) => r.call);
    (await bench.times(calls, minMs, ROUNDS)).forEach((ms, i) => {
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
