/**
 * Chooses tiles by timing them on the user's adapter. A candidate counts only if it gives
 * the default's result to the last bit, so tuning changes speed and never numbers; choices are
 * kept by adapter and shader digest, kernel and class of shapes, and can be recorded with a run.
 */
import { messageOf } from '../../base/errors.ts';
import { loweringOf } from '../kernels/catalog.ts';
import type { KernelCall, LoweringContext } from '../kernels/kernel-call.ts';
import { sameTile, type Tile } from '../kernels/tiles.ts';
import type { Tuning, TuningChoice, TuningRecord } from '../plan/backend.ts';
import type { Dispatch } from '../plan/plan.ts';
import { measure, type TileDecision, UNTRIED } from './measure-tiles.ts';
import type { PipelineCache } from './pipeline-cache.ts';
import { type PlanInUse, replaceStarts } from './tiered-start.ts';
import type { AutotunerOptions, KnownOptions, TileSource, TuningReport } from './tile-source.ts';
import { Workbench } from './tuning-workbench.ts';

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
const BUDGET_MS = 10_000;
/** Candidates that are compiled side by side; beside a run fewer, which leaves it processors. */
const AT_ONCE = { before: 4, beside: 2 } as const;

/** What is left to measure, by key. */
type Unknown = Map<string, { dispatch: Dispatch; work: number; begun?: TileDecision }>;

interface MeasureWays {
  atOnce: number;
  alone: PlanInUse['alone'];
  /** Looked at before each kernel. */
  isOpen?(): boolean;
  /** Looked at within a kernel's measurement too. */
  isEnding?: PlanInUse['isEnding'];
  /** Waited for before each kernel. */
  pause?(): Promise<void>;
  onDecision(key: string, tile: Tile): void;
}

/** Nothing else runs on the device. */
const BEFORE: MeasureWays = {
  atOnce: AT_ONCE.before,
  alone: (work) => work(),
  onDecision() {},
};

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
  /** Plans whose kernels are being replaced or measured. */
  #inUse = 0;
  /** The plans that are improved, one after another. */
  #improving: Promise<void> = Promise.resolve();

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
      const { candidates, key, start, tile, work } = choice;
      const known = this.#known(key);
      if (known && [...candidates, start].some((c) => sameTile(c, known.tile))) {
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
    // What is measured beside a run now would be measured with it.
    if (this.#inUse > 0 || this.#leftMs() <= 0) return false;
    for (const [key, waiting] of this.#heaviest()) {
      const isReady = variantsOf(waiting).every((call) => pipelines.has(call));
      if (!isReady && ++waiting.passes <= MAX_PASSES) continue;
      const { context, dispatch } = waiting;
      this.#waiting.delete(key);
      const unknown: Unknown = new Map([[key, { dispatch, work: waiting.work }]]);
      await this.#measure(unknown, context, () => new Workbench(device, pipelines), BEFORE);
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

  /** Resolves when nothing is being measured; what waits in `pause` is not. */
  async quiet(): Promise<void> {
    for (let all: unknown = null; all !== this.#measuring; ) {
      all = this.#measuring;
      await all;
    }
  }

  /**
   * Tiles for the dispatches of a plan, by the keys of tiles.ts; measures those not known yet, unless
   * `tiered`. Must not run beside other work on the device then: it would measure that too.
   */
  async tilesFor(
    dispatches: readonly Dispatch[],
    context: LoweringContext,
    device: GPUDevice,
    pipelines: PipelineCache,
  ): Promise<Record<string, Tile>> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    const { tiles, unknown } = this.#lookUp(dispatches, context);
    if (this.#options.tiered) return tiles;
    await this.#measure(unknown, context, () => new Workbench(device, pipelines), {
      ...BEFORE,
      onDecision: (key, tile) => {
        tiles[key] = tile;
      },
    });
    return tiles;
  }

  /**
   * Replaces what the plan began with, then measures what is not known and takes that over. One plan
   * after another; ends early when the plan is closed.
   */
  get improve(): TileSource['improve'] {
    if (!this.#options.tiered) return undefined;
    return (plan) => {
      this.#inUse++;
      this.#improving = this.#improving
        .then(() => this.#improve(plan))
        .catch((error) => {
          // A plan that is closed, or whose device is gone, has nothing to keep.
          if (!plan.isOpen()) return;
          this.#options.onNotice?.(
            `Keeping the kernels that the run began with: ${messageOf(error)}`,
          );
        })
        .finally(() => this.#inUse--);
      return this.#improving;
    };
  }

  async #improve(plan: PlanInUse): Promise<void> {
    const { context, device, dispatches, pipelines } = plan;
    const open = () => new Workbench(device, pipelines);
    await replaceStarts(plan, open, ({ call, own }) => {
      // The run goes on as it began, and so do its resumption and whatever follows here.
      pipelines.pin(own.shader);
      const { choice } = call;
      if (choice) {
        this.#recorded.set(choice.key, choice.tile);
        this.#use(choice.key, { tile: choice.tile, source: 'default' });
      }
      const name = choice?.key ?? own.shader;
      this.#options.onNotice?.(`Keeping a slower kernel for ${name}: others give other bits here`);
    });
    if (!plan.measures) return;
    const { unknown } = this.#lookUp(dispatches, context);
    for (const { own } of plan.begun) {
      if (own.choice && pipelines.isPinned(own.shader)) unknown.delete(own.choice.key);
    }
    await this.quiet();
    if (!plan.isOpen() || unknown.size === 0) return;
    const replaced: Promise<void>[] = [];
    await this.#measure(unknown, context, open, {
      atOnce: AT_ONCE.beside,
      alone: plan.alone,
      isOpen: plan.isOpen,
      isEnding: plan.isEnding,
      pause: plan.pause,
      onDecision: (key, tile) => {
        replaced.push(plan.replace(key, tile));
      },
    });
    await Promise.all(replaced);
  }

  /** Tiles that are known, and what is left to measure. */
  #lookUp(dispatches: readonly Dispatch[], context: LoweringContext) {
    const tiles: Record<string, Tile> = {};
    const unknown: Unknown = new Map();
    for (const dispatch of dispatches) {
      const choice = loweringOf(dispatch.op)(dispatch, { ...context, tiles: {} }).choice;
      if (!choice || choice.candidates.length < 2) continue;
      const { candidates, key, start, tile, work } = choice;
      const known = this.#known(key);
      if (known && [...candidates, start].some((c) => sameTile(c, known.tile))) {
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
    return { tiles, unknown };
  }

  /** Measures the heaviest first, while there is time. */
  async #measure(
    unknown: Unknown,
    context: LoweringContext,
    open: () => Workbench,
    { alone, atOnce, isEnding, isOpen = () => true, onDecision, pause }: MeasureWays,
  ): Promise<void> {
    // What has no choice at all comes before what has one to improve.
    const heaviest = [...unknown].sort(
      ([, a], [, b]) => Number(!!a.begun) - Number(!!b.begun) || b.work - a.work,
    );
    const { minMs = MIN_MS, budgetMs = BUDGET_MS } = this.#options;
    const start = performance.now();
    const deadline = start + Math.min(budgetMs, this.#leftMs());
    if (unknown.size === 0 || start >= deadline) return;
    const bench = open();
    let end = this.#beginMeasuring();
    try {
      for (const [at, [key, { begun, dispatch }]] of heaviest.entries()) {
        // Who is waited for here may itself wait until nothing is measured: nothing is, meanwhile.
        end();
        await pause?.();
        end = this.#beginMeasuring();
        if ((at > 0 && performance.now() > deadline) || !isOpen()) break;
        const ways = { minMs, deadline, begun, alone, atOnce, ...(isEnding ? { isEnding } : {}) };
        const decision = await measure(dispatch, context, bench, ways);
        if (!decision) break;
        this.#choices.set(key, decision);
        this.#waiting.delete(key);
        this.#use(key, decision);
        onDecision(key, decision.tile);
      }
    } finally {
      bench.dispose();
      this.#spentMs += performance.now() - start;
      end();
    }
    await this.#store();
  }

  /** @returns Ends it. Until then `quiet` waits. */
  #beginMeasuring(): () => void {
    let end = () => {};
    const measuring = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#measuring = Promise.all([this.#measuring, measuring]);
    return end;
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
