/**
 * Chooses register tiles by timing them on the user's adapter. A candidate counts only if it gives
 * the default's result to the last bit, so tuning changes speed and never numbers; choices are
 * kept by adapter and shader digest, kernel and class of shapes, and can be recorded with a run.
 */
import { messageOf } from '../../base/errors.ts';
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import type { Tile } from '../kernels/tiles.ts';
import type { Dispatch } from '../plan/plan.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { Readback } from './readback.ts';
import { Workbench } from './tuning-workbench.ts';

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
  /** `measured` here and now, `stored` by an earlier session, or `recorded` with a run. */
  source: 'measured' | 'stored' | 'recorded';
  candidates: CandidateTime[];
}

/** Every choice in force, as data: what a run records and a replay is given. */
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
  recorded?: TuningReport;
  /** False: only recorded and stored choices are used. @default {true} */
  measure?: boolean;
  /** Least device time of one measurement. @default {20} */
  minMs?: number;
  /** Longest all measurements of one plan may take; what is left gets the defaults. */
  budgetMs?: number;
  /** Told about storage that fails; tuning goes on without it. */
  onNotice?: (message: string) => void;
}

const MIN_MS = 20;
const BUDGET_MS = 10_000;
/** A candidate must be this much faster than the default: less may be noise. */
const GAIN = 0.95;

/** Gives the tiles of a plan, by the keys of tiles.ts; keys it leaves out get the default. */
export interface TileSource {
  tilesFor(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    device: GPUDevice,
    pipelines: PipelineCache,
  ): Promise<Record<string, Tile>>;
}

export class Autotuner implements TileSource {
  #options: AutotunerOptions;
  #choices = new Map<string, TileDecision>();
  #loaded: Promise<void> | null = null;

  constructor(options: AutotunerOptions) {
    this.#options = options;
  }

  report(): TuningReport {
    const { adapter, shaderDigest } = this.#options;
    return { adapter, shaderDigest, choices: Object.fromEntries(this.#choices) };
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
    const unknown = new Map<string, Dispatch>();
    for (const d of dispatches) {
      const choice = loweringOf(d.op)(d, context).choice;
      if (!choice || choice.candidates.length < 2) continue;
      const known = this.#choices.get(choice.key);
      if (known && choice.candidates.some((c) => same(c, known.tile))) {
        tiles[choice.key] = known.tile;
      } else unknown.set(choice.key, d);
    }
    if (unknown.size === 0 || this.#options.measure === false) return tiles;
    const readback = new Readback(device);
    const bench = new Workbench(device, pipelines, readback);
    const { minMs = MIN_MS, budgetMs = BUDGET_MS } = this.#options;
    const deadline = performance.now() + budgetMs;
    try {
      for (const [key, dispatch] of unknown) {
        if (performance.now() > deadline) break;
        const decision = await measure(dispatch, context, bench, minMs);
        this.#choices.set(key, decision);
        tiles[key] = decision.tile;
      }
    } finally {
      bench.dispose();
      readback.dispose();
    }
    await this.#store();
    return tiles;
  }

  get #key(): string {
    const name = this.#options.adapter.replace(/[^A-Za-z0-9]+/g, '-');
    return `tuning/${name}/${this.#options.shaderDigest.replace(/^.*:/, '')}.json`;
  }

  async #load(): Promise<void> {
    const { storage, recorded, shaderDigest } = this.#options;
    try {
      const bytes = await storage?.read(this.#key);
      if (bytes) this.#adopt(JSON.parse(new TextDecoder().decode(bytes)), 'stored');
    } catch (error) {
      this.#options.onNotice?.(`Cannot read stored tuning, measuring anew: ${messageOf(error)}`);
    }
    if (recorded && recorded.shaderDigest === shaderDigest) this.#adopt(recorded, 'recorded');
  }

  /** Takes over choices; whether a tile fits its kernel is checked where it is used. */
  #adopt(report: Partial<TuningReport> | null, source: TileDecision['source']): void {
    for (const [key, decision] of Object.entries(report?.choices ?? {})) {
      if (typeof decision?.tile !== 'object' || decision.tile === null) continue;
      this.#choices.set(key, { ...decision, source });
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

function same(a: Tile, b: Tile): boolean {
  return (
    a.rows === b.rows &&
    a.columns4 === b.columns4 &&
    a.wx === b.wx &&
    a.wy === b.wy &&
    (a.across ?? false) === (b.across ?? false) &&
    (a.quad ?? false) === (b.quad ?? false)
  );
}

/** Verifies, then times, every candidate of one dispatch; the default comes first. */
async function measure(
  dispatch: Dispatch,
  context: LoweringContext,
  bench: Workbench,
  minMs: number,
): Promise<TileDecision> {
  const lower = (tiles: Record<string, Tile>): KernelCall =>
    loweringOf(dispatch.op)(dispatch, { ...context, tiles });
  const { key, candidates } = lower({}).choice!;
  const times: CandidateTime[] = [];
  bench.open(lower({}));
  let wanted: Uint32Array | null = null;
  for (const tile of candidates) {
    try {
      const prepared = await bench.prepare(lower({ [key]: tile }));
      const result = await bench.result(prepared);
      wanted ??= result;
      if (!result.every((word, i) => word === wanted![i])) {
        times.push({ tile, milliseconds: null, reason: 'other bits than the default' });
        continue;
      }
      times.push({ tile, milliseconds: await bench.time(prepared, minMs) });
    } catch (error) {
      // Without a default to compare with nothing may be chosen.
      if (!wanted) throw error;
      times.push({ tile, milliseconds: null, reason: messageOf(error) });
    }
  }
  bench.close();
  const standard = times[0]!;
  let best = standard;
  for (const t of times) {
    if (t.milliseconds !== null && t.milliseconds < best.milliseconds! * GAIN) best = t;
  }
  return { tile: best.tile, source: 'measured', candidates: times };
}
