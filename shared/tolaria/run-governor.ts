/** The governor at work: judges looks, takes the run back to its last good state, and remedies. */
import { DivergedError } from '../base/errors.ts';
import type { Remedy } from '../contracts/events.ts';
import { isLive } from '../kasmina/seed-stage.ts';
import { isDataFinite } from './device-data.ts';
import {
  BAD_LOOKS,
  chooseRemedy,
  isConstant,
  lossBounds,
  MAX_UNUSUAL_LOOKS,
  mayHaveCollapsed,
} from './governor.ts';
import type { NetworkFollower } from './network-follower.ts';
import type { RunCore } from './run-core.ts';
import type { RunFiles } from './run-files.ts';

/** Validation rows that are asked whether the network has collapsed. */
const COLLAPSE_ROWS = 64;

export class RunGovernor {
  #run: RunCore;
  #network: NetworkFollower;
  #files: RunFiles;

  constructor(run: RunCore, network: NetworkFollower, files: RunFiles) {
    this.#run = run;
    this.#network = network;
    this.#files = files;
  }

  /**
   * Compares a look with those before. Divergence and collapse take several bad looks in a row, and
   * then the run goes back to the last good one.
   */
  async judgeLook(loss: number | null): Promise<boolean | 'rolled-back'> {
    const { history, step, watch } = this.#run.state;
    if (loss === null) return false;
    const bad = Math.max(watch.diverging, watch.collapsed);
    const losses = history
      .slice(0, history.length - 1 - bad)
      .map((p) => p.loss)
      .filter((l) => l !== null);
    watch.first ??= loss;
    const bounds = lossBounds(losses, watch.first);
    watch.diverging = bounds && loss > bounds.bad ? watch.diverging + 1 : 0;
    const collapsed = mayHaveCollapsed(losses, watch.first, loss) && (await this.#saysOneThing());
    watch.collapsed = collapsed ? watch.collapsed + 1 : 0;
    if (Math.max(watch.diverging, watch.collapsed) < BAD_LOOKS) {
      if (watch.diverging > 0 || watch.collapsed > 0) return true;
      const looks = (step - this.#run.snapshot!.step) / this.#run.experiment.intervalSteps;
      return bounds !== null && loss > bounds.unusual && looks < MAX_UNUSUAL_LOOKS;
    }
    const what = `training loss ${loss.toPrecision(4)} at ${BAD_LOOKS} looks in a row`;
    const cause =
      watch.diverging >= BAD_LOOKS
        ? `divergence: ${what}, above the bound ${bounds!.bad.toPrecision(4)}`
        : `collapse to the prior: ${what}, the same prediction for every row`;
    await this.rollBack(cause, step, true);
    return 'rolled-back';
  }

  async #saysOneThing(): Promise<boolean> {
    const { classes, features, validation } = this.#run.options.dataset;
    const rows = Math.min(COLLAPSE_ROWS, validation.size);
    if (rows < 2) return false;
    const { logits, stride } = await this.#run.predict(validation.x.slice(0, rows * features));
    return isConstant(logits, rows, stride, classes.length);
  }

  /**
   * Exact: parameters, moments and state are those of the last snapshot, then the remedy.
   *
   * @param badLook The numbers were finite; what they were for several looks was not good.
   */
  async rollBack(cause: string, faultStep: number, badLook = false): Promise<void> {
    const { rollbacks, seconds, skipped, watch } = this.#run.state;
    const saved = structuredClone(this.#run.snapshot!);
    this.#run.runtime.arena.restoreSnapshot();
    const bad = { ...watch, diverging: 0, collapsed: 0 };
    this.#run.state = { ...saved, rollbacks, skipped, watch: bad, seconds };
    this.#run.growth.restore(saved.growth, saved.step);
    const remedy = chooseRemedy({
      cause,
      step: faultStep,
      // One that is still on its way has no part in what was computed.
      hasLiveSeeds: this.#run.growth.state.slots.some(
        ({ state }) => isLive(state.stage) && state.stage !== 'LOADING',
      ),
      rollbacks: badLook ? watch.rollbacks : rollbacks,
      skipped: skipped.length,
      rowsAtFault: !badLook && (await this.#areRowsAtFault()),
    });
    if (badLook) bad.rollbacks++;
    await this.applyRemedy(cause, remedy);
    await this.#network.apply();
    this.#run.takeSnapshot();
    await this.#files.dropAfter(saved.step);
    await this.#files.flush();
  }

  /** @throws {DivergedError} If there is none. */
  async applyRemedy(cause: string, remedy: Remedy): Promise<void> {
    const state = this.#run.state;
    this.#run.emit({ type: 'governor', cause, restoredStep: state.step, remedy });
    if (remedy.kind === 'give-up') throw new DivergedError(remedy.message);
    if (remedy.kind === 'skip-step') {
      state.skipped = [...state.skipped, remedy.step];
      return;
    }
    state.rollbacks++;
    if (remedy.kind === 'cull-seeds') this.#run.growth.cullLive(state.step, `governor: ${cause}`);
    else state.learningRateScale *= remedy.factor;
  }

  /**
   * Whether the training rows themselves are at fault: they hold what is no number, or are none to
   * this network: its good state, host alone, then has no finite loss on all of them, while it has
   * one on other rows. (An activation may swallow a NaN on its way to the loss, so that the loss
   * alone does not tell.)
   */
  async #areRowsAtFault(): Promise<boolean> {
    const { backend, input } = this.#run.runtime;
    if (!(await isDataFinite(backend, this.#run.runtime.dataOf('train'), input))) return true;
    const alone = this.#run.growth.alphas(this.#run.state.step).map((_, i) => (i === 0 ? 1 : 0));
    const train = await this.#run.runtime.evaluate('train', alone);
    if (train.loss.every(Number.isFinite)) return false;
    const validation = await this.#run.runtime.evaluate('validation', alone);
    return validation.loss.every(Number.isFinite);
  }
}
