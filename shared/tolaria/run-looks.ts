/**
 * A look of the controller: measures, applies what the look before decided, and decides for the
 * next. Training stands still meanwhile.
 */
import { emptySums, finite, mean, meansOf } from './interval-sums.ts';
import type { LookMeasurements } from './look-measurements.ts';
import type { NetworkFollower } from './network-follower.ts';
import type { AdvisorLook } from './policy-advisor.ts';
import type { RunActions } from './run-actions.ts';
import type { RunCore } from './run-core.ts';
import type { RunGovernor } from './run-governor.ts';

/** Most points of history a policy sees; older ones are dropped. */
const MAX_HISTORY = 512;

export class RunLooks {
  #run: RunCore;
  #measurements: LookMeasurements;
  #network: NetworkFollower;
  #governor: RunGovernor;
  #actions: RunActions;

  constructor(
    run: RunCore,
    measurements: LookMeasurements,
    network: NetworkFollower,
    governor: RunGovernor,
    actions: RunActions,
  ) {
    this.#run = run;
    this.#measurements = measurements;
    this.#network = network;
    this.#governor = governor;
    this.#actions = actions;
  }

  /** Measures, applies what the look before decided, and decides for the next. */
  async look(): Promise<void> {
    const state = this.#run.state;
    const { step } = state;
    const { loss, accuracy } = meansOf(state.interval);
    this.#run.emit({ type: 'metrics', loss: loss.map(finite), accuracy: accuracy.map(finite) });
    const point = { step, loss: finite(mean(loss)), accuracy: finite(mean(accuracy)) };
    state.history = [...state.history, point].slice(-MAX_HISTORY);
    state.interval = emptySums(this.#run.experiment.replicas);
    const suspicion = await this.#governor.judgeLook(point.loss);
    if (suspicion === 'rolled-back') return;
    if (state.watch.diverging + state.watch.collapsed === 0) {
      state.rollbacks = 0;
      state.skipped = state.skipped.filter((s) => s >= step);
    }

    const { decisions } = this.#run.options;
    await this.#measurements.measure();
    await this.#run.growth.settle(step, point.loss);
    const topologyBefore = this.#network.key;
    const arenaBefore = this.#run.runtime.arena;
    await this.#actions.applyDecisions();
    const source = decisions?.attribute(state.pending) ?? 'in-process';
    await this.#measurements.study(state.pending);
    for (const decision of state.pending) {
      // A standing wait is logged when its rule changes, not at every look.
      const wait = decision.action === 'wait' ? decision.rule : null;
      if (wait === null || wait !== state.lastWait) {
        this.#run.emit({ type: 'decision', decision, source });
      }
      state.lastWait = wait;
      this.#run.growth.applyDecision(decision, step);
    }
    state.pending = [];
    await this.#network.apply();
    await this.#run.options.advisor?.plant(this.#advisorLook());
    await this.#network.foldFossilized();
    const decides = this.#actions.policyDecides(step);
    if (decisions && decides && step < this.#run.experiment.steps) {
      const seen = this.#run.observation();
      const more = await this.#run.options.advisor?.measure(seen, this.#advisorLook());
      state.pending = await decisions.look({ ...seen, ...more });
    }
    await this.#run.options.backend.ahead?.timeNext();
    // The way back from a bad look leads to the last good one, while the network is the same.
    // A fold that was undone leaves the network, in an arena that has no snapshot yet.
    const isNew = topologyBefore !== this.#network.key || arenaBefore !== this.#run.runtime.arena;
    if (!suspicion || isNew) this.#run.takeSnapshot();
  }

  #advisorLook(): AdvisorLook {
    const { step } = this.#run.state;
    return {
      runtime: this.#run.runtime,
      growth: this.#run.growth,
      experiment: this.#run.experiment,
      step,
      row: this.#run.rowAt(step),
      rowAt: (later) => this.#run.rowAt(later),
      emit: (event) => this.#run.emit(event),
    };
  }
}
