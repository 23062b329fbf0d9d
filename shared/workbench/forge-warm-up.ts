/**
 * Makes beforehand what growth will need, beside training: the artifacts of the seeds that the policy
 * may plant, and the kernels of the networks that may come. It only fills caches: how far it gets
 * changes what training waits for, and no bit of the run.
 *
 * It works in pieces (a plan, a kernel, an artifact that gives way by itself) and lets training in
 * after each; it stands still while the trainer looks or kernel variants are timed.
 */
import { hostSeenBy } from '../blueprints/host-positions.ts';
import type { Blueprint } from '../contracts/blueprint.ts';
import type { WarmUpReport } from '../contracts/engine-protocol.ts';
import type { RunEvent } from '../contracts/events.ts';
import type { Backend, KernelTally } from '../engine/plan/backend.ts';
import { type ArtifactSource, artifactsIn } from '../kasmina/artifact-source.ts';
import type { Clock } from '../platform/platform.ts';
import type { KernelScope } from '../tolaria/kernels-ahead.ts';
import type { Outlook, Planting } from '../tolaria/run-outlook.ts';
import type { Trainer } from '../tolaria/trainer.ts';
import { kernelCandidates, mayGrow } from './kernel-candidates.ts';

/** Most artifacts made beforehand in one sitting; a policy seldom asks for more than a few. */
const MAX_ARTIFACTS = 32;
/** Most kernels compiled beforehand in one sitting: each stays in memory with its device. */
const MAX_KERNELS = 512;
/** Longest pause after a piece: an artifact has let training in all along, and needs are short of time. */
const MAX_REST_MS = 50;
/** Kernels compiled side by side, where the runtime compiles them on other threads than this. */
const AT_ONCE = 4;
/** Longest that asking for one takes where it does, milliseconds; on this thread it takes about 20. */
const MAX_CALL_MS = 4;
/** What is made of a network, soonest needed first. */
const SCOPES: readonly KernelScope[] = ['step', 'all', 'own'];
/** What training would wait for. */
const URGENT = SCOPES.slice(0, 2);
/** Candidates whose network is planned while it stands as it is: planning is work of its own. */
const MAX_PLANNED = 8;

export interface WarmUpOptions {
  trainer: Pick<Trainer, 'experiment' | 'growth' | 'outlook' | 'signals' | 'step'>;
  artifacts: ArtifactSource;
  backend: Pick<Backend, 'ahead' | 'lost'>;
  clock: Clock;
  blueprintOf(name: string): Blueprint;
}

export class ForgeWarmUp {
  #o: WarmUpOptions;
  #artifacts: ArtifactSource;
  #stopped = false;
  #work: Promise<unknown>;
  #sleepers: (() => void)[] = [];
  /** Networks that were seen to, by key, and how far. */
  #networks = new Map<string, KernelScope>();
  /** Artifacts asked for, by blueprint and host; of them those made, and those planted since. */
  #asked = new Set<string>();
  #warmed = new Set<string>();
  #used = new Set<string>();
  #report = { failed: 0, workMs: 0 };
  #kernels: KernelTally = { made: 0, used: 0 };
  /** Of kernels that wait to be timed: of use to later plans, and to none of these. */
  #variants: KernelTally = { made: 0, used: 0 };

  constructor(options: WarmUpOptions) {
    this.#o = options;
    const { artifacts, backend, trainer } = options;
    this.#artifacts = artifactsIn(artifacts, trainer.experiment.numerics ?? 'f32');
    // A device that is gone needs no kernels.
    void backend.lost.then(() => this.stop());
    // Two lines of work: an artifact takes long, and needs of the next look must not wait for it.
    const lines = [() => this.#nextArtifact(), () => this.#nextKernels()];
    this.#work = Promise.all(this.#isWanted() ? lines.map((next) => this.#loop(next)) : []);
  }

  /** Where nothing can grow there is nothing to do. */
  #isWanted(): boolean {
    const { experiment, growth, outlook } = this.#o.trainer;
    if (growth.sites.length === 0) return false;
    return (mayGrow(experiment) && outlook.hasPolicy) || outlook.scheduled().length > 0;
  }

  /** Told of every event of the run: what may come changes with it. */
  notice(event: RunEvent): void {
    if (event.type === 'artifact') {
      const key = this.#artifactOf(event)?.key;
      if (key !== undefined && this.#warmed.has(key)) this.#used.add(key);
    }
    this.#wake();
  }

  report(): WarmUpReport {
    return {
      artifacts: this.#warmed.size,
      artifactsUsed: this.#used.size,
      kernels: this.#kernels.made,
      kernelsUsed: this.#kernels.used,
      ...this.#report,
    };
  }

  /** Ends the work; resolves when the pieces under way are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#work;
  }

  #wake(): void {
    for (const wake of this.#sleepers.splice(0)) wake();
  }

  /** @param next Does one piece of work; false where there is none until something happens. */
  async #loop(next: () => Promise<boolean>): Promise<void> {
    while (!this.#stopped) {
      // Before it looks for work: what happens while it looks must not be missed.
      const woken = new Promise<void>((resolve) => this.#sleepers.push(resolve));
      if (!(await next())) await woken;
    }
  }

  /** The next artifact of what may be planted. */
  async #nextArtifact(): Promise<boolean> {
    for (const [at, planting] of this.#plantings().entries()) {
      if (await this.#makeArtifact(planting, at === 0)) return true;
    }
    return false;
  }

  /**
   * Kernels of the next network that comes for sure, as far as training would wait for them; else of one
   * that may come; else those that only make training faster.
   */
  async #nextKernels(): Promise<boolean> {
    const certain = this.#certain(URGENT);
    if (certain) {
      await this.#whileHeld(true, () => this.#makeKernels(certain.network, certain.scope, true));
      return true;
    }
    for (const [at, planting] of this.#plantings().slice(0, MAX_PLANNED).entries()) {
      const network = this.#o.trainer.outlook.with(planting);
      if (!network || this.#networks.has(network.key)) continue;
      await this.#whileHeld(at === 0, () => this.#makeKernels(network, 'step', false));
      return true;
    }
    const meant = this.#certain(SCOPES);
    if (meant) {
      await this.#makeKernels(meant.network, meant.scope, false);
      return true;
    }
    return this.#makeVariant();
  }

  /** What may be planted, soonest and likeliest first. */
  #plantings(): Planting[] {
    const { blueprintOf, trainer } = this.#o;
    const { experiment, growth, outlook, signals, step } = trainer;
    // What germinates at the last look joins no network.
    if (step + experiment.intervalSteps >= experiment.steps) return [];
    const scheduled = outlook.scheduled();
    // Kernels are chosen and signals measured at the first look: before it, little is known.
    const isEarly = signals.length === 0 && experiment.policy.kind !== 'schedule';
    if (isEarly || !outlook.hasPolicy) return scheduled;
    const layers = growth.layerObservations();
    const room = { layers, signals, step, budget: growth.budget() };
    return [...scheduled, ...kernelCandidates(experiment, room, blueprintOf)];
  }

  /** One variant of a kernel that is to be timed at a look. */
  async #makeVariant(): Promise<boolean> {
    const { backend, clock } = this.#o;
    const [compile] = backend.ahead?.variants(this.#variants) ?? [];
    if (!compile || this.#variants.made >= MAX_KERNELS) return false;
    const began = clock.now();
    try {
      await compile();
    } catch {
      // The one that times it leaves it out.
      this.#variants.made++;
      this.#report.failed++;
    }
    await this.#rest(clock.now() - began, false);
    return true;
  }

  /** What comes for sure and was not seen to as far as the scopes go, the first of them first. */
  #certain(scopes: readonly KernelScope[]): { network: Outlook; scope: KernelScope } | null {
    const networks = this.#o.trainer.outlook.next();
    for (const scope of scopes) {
      const network = networks.find((o) => this.#reached(o.key) < SCOPES.indexOf(scope));
      if (network) return { network, scope };
    }
    return null;
  }

  /** Number of the last of {@link SCOPES} that a network was seen to; -1: none. */
  #reached(key: string): number {
    const scope = this.#networks.get(key);
    return scope === undefined ? -1 : SCOPES.indexOf(scope);
  }

  /** Does what training would wait for; what only makes it faster waits meanwhile. */
  async #whileHeld<T>(isHeld: boolean, work: () => Promise<T>): Promise<T> {
    const release = isHeld ? this.#o.backend.ahead?.hold?.() : undefined;
    try {
      return await work();
    } finally {
      release?.();
    }
  }

  /** One artifact, where nobody asked for it. */
  async #makeArtifact(planting: Planting, isLikeliest: boolean): Promise<boolean> {
    const { clock } = this.#o;
    const artifact = this.#artifactOf(planting);
    if (!artifact || this.#asked.has(artifact.key) || this.#asked.size >= MAX_ARTIFACTS) {
      return false;
    }
    const { blueprint, host, key } = artifact;
    this.#asked.add(key);
    const began = clock.now();
    try {
      const { validated } = await this.#whileHeld(isLikeliest, () =>
        this.#artifacts.provide(blueprint, host),
      );
      if (validated) this.#warmed.add(key);
      else this.#report.failed++;
    } catch {
      // Told when it is asked for in earnest.
      this.#report.failed++;
    }
    await this.#rest(clock.now() - began, false);
    return true;
  }

  /** What a seed is made of, by blueprint and host: layers of one shape share it. */
  #artifactOf({ blueprint: name, layerId }: Pick<Planting, 'blueprint' | 'layerId'>) {
    const { blueprintOf, trainer } = this.#o;
    const site = trainer.growth.sites.find((s) => s.layerId === layerId);
    if (!site) return null;
    try {
      const blueprint = blueprintOf(name);
      const host = hostSeenBy(blueprint, site.host);
      return { blueprint, host, key: JSON.stringify([name, host]) };
    } catch {
      // Refused with the reason when it germinates.
      return null;
    }
  }

  /** The kernels of a network; what is less urgent gives way to what comes for sure. */
  async #makeKernels(network: Outlook, scope: KernelScope, isUrgent: boolean): Promise<void> {
    const before = this.#networks.get(network.key);
    this.#networks.set(network.key, scope);
    const isOver = () => {
      const certain = this.#certain(URGENT);
      const isLate =
        certain !== null && (!isUrgent || SCOPES.indexOf(certain.scope) < SCOPES.indexOf(scope));
      if (isLate) {
        // It has its turn again.
        if (before === undefined) this.#networks.delete(network.key);
        else this.#networks.set(network.key, before);
      }
      return isLate || this.#stopped;
    };
    const flying = new Set<Promise<void>>();
    let began = this.#o.clock.now();
    const rest = async () => {
      await this.#rest(this.#o.clock.now() - began, isUrgent);
      began = this.#o.clock.now();
    };
    try {
      const { outlook } = this.#o.trainer;
      for await (const list of outlook.kernels(network, scope, this.#kernels)) {
        await rest();
        for (const compile of list) {
          if (isOver() || this.#kernels.made >= MAX_KERNELS) return;
          const called = this.#o.clock.now();
          const kernel = compile().finally(() => flying.delete(kernel));
          flying.add(kernel);
          // It is waited for below, perhaps after another that fails.
          kernel.catch(() => {});
          const isElsewhere = this.#o.clock.now() - called <= MAX_CALL_MS;
          if (!isElsewhere || flying.size >= AT_ONCE) await Promise.race(flying);
          await rest();
        }
        await Promise.all(flying);
        if (isOver()) return;
      }
    } catch {
      // A network that cannot be built is met by the run when it comes to it.
      this.#report.failed++;
    } finally {
      await Promise.allSettled(flying);
    }
  }

  /**
   * Lets training in: for as long as the piece took, up to a bound, or only what waits where the result
   * is needed soon; then until nothing else is measured.
   */
  async #rest(tookMs: number, isUrgent: boolean): Promise<void> {
    const { backend, clock, trainer } = this.#o;
    this.#report.workMs += tookMs;
    if (this.#stopped) return;
    await clock.sleep(isUrgent ? 0 : Math.min(tookMs, MAX_REST_MS));
    await trainer.outlook.notLooking();
    await backend.ahead?.quiet();
  }
}
