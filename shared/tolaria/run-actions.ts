/** What is done to a run from outside its policy: a person's commands and a recorded schedule. */
import type { Decision } from '../contracts/decision.ts';
import type { Command } from '../contracts/events.ts';
import type { RunAction, RunSchedule } from '../contracts/lineage.ts';
import type { LookMeasurements } from './look-measurements.ts';
import type { NetworkFollower } from './network-follower.ts';
import type { RunCore } from './run-core.ts';
import type { RunGovernor } from './run-governor.ts';
import { asCommand, ScheduleCursor } from './run-schedule.ts';

export class RunActions {
  #run: RunCore;
  #measurements: LookMeasurements;
  #network: NetworkFollower;
  #governor: RunGovernor;
  #commands: Command[] = [];
  #schedule: ScheduleCursor | null = null;

  constructor(
    run: RunCore,
    measurements: LookMeasurements,
    network: NetworkFollower,
    governor: RunGovernor,
  ) {
    this.#run = run;
    this.#measurements = measurements;
    this.#network = network;
    this.#governor = governor;
  }

  /** Takes the run's actions from a schedule. */
  follow(schedule: RunSchedule): void {
    this.#schedule = new ScheduleCursor(schedule);
  }

  /** Queues a person's command. */
  command(command: Command): void {
    this.#commands.push(command);
  }

  get hasCommands(): boolean {
    return this.#commands.length > 0;
  }

  /** Step of the schedule's next action; infinite where there is none. */
  nextStep(): number {
    return this.#schedule?.nextStep(this.#run.state.scheduled) ?? Number.POSITIVE_INFINITY;
  }

  /** Seeds that the schedule plants from now on, soonest first. */
  plantings(): { layerId: string; slot: number; blueprint: string }[] {
    return (this.#schedule?.left(this.#run.state.scheduled) ?? []).flatMap((action) => {
      const command = action.kind === 'decision' ? asCommand(action.decision) : null;
      const asked = action.kind === 'command' ? action.command : command;
      if (asked?.kind !== 'germinate') return [];
      const { blueprint, layerId, slot } = asked;
      return [{ layerId, slot, blueprint }];
    });
  }

  /** Whether a policy decides at some look from now on. */
  get hasPolicy(): boolean {
    return this.#schedule ? this.#schedule.schedule.policyFrom !== null : true;
  }

  /** Whether the policy decides at the look of this step. */
  policyDecides(step: number): boolean {
    return this.#schedule?.policyDecides(step) ?? true;
  }

  /** Applies the schedule's decisions for this step, as a look does. */
  async applyDecisions(): Promise<void> {
    const due = this.#dueActions(true).flatMap((a) => (a.kind === 'decision' ? [a.decision] : []));
    await this.#measurements.study(due);
    for (const decision of due) this.#decide(decision);
  }

  /**
   * Applies what is due now: queued commands and the schedule's actions for this step.
   *
   * @param end Number of actions of the schedule that shall have been taken afterwards, at most.
   * @returns Whether anything was.
   */
  async apply(end?: number): Promise<boolean> {
    const actions = this.#dueActions(false, end);
    if (actions.length + this.#commands.length === 0) return false;
    for (const action of actions) {
      if (action.kind === 'decision') {
        await this.#measurements.study([action.decision]);
        this.#decide(action.decision);
      } else if (action.kind === 'command') await this.#obey(action.command, 'replay');
      else await this.#governor.applyRemedy(action.cause, action.remedy);
    }
    for (const command of this.#commands.splice(0)) await this.#obey(command, 'person');
    await this.#network.apply();
    await this.#network.foldFossilized();
    this.#run.takeSnapshot();
    return true;
  }

  async #obey(command: Command, origin: 'person' | 'replay'): Promise<void> {
    if ('layerId' in command)
      await this.#measurements.study([{ ...command, action: command.kind }]);
    if (command.kind === 'setLearningRate') {
      this.#run.state.learningRateOverride = command.learningRate;
    }
    const reason = this.#run.growth.applyCommand(command, this.#run.state.step);
    this.#run.emit({ type: 'command', command, origin, accepted: reason === null, reason });
  }

  /** Takes what the schedule has for this step; counts as taken whatever comes of it. */
  #dueActions(decisionsOnly: boolean, end = Number.POSITIVE_INFINITY): RunAction[] {
    const state = this.#run.state;
    const all = this.#schedule?.due(state.scheduled, state.step, decisionsOnly) ?? [];
    const due = all.slice(0, Math.max(0, end - state.scheduled));
    state.scheduled += due.length;
    return due;
  }

  #decide(decision: Decision): void {
    this.#run.emit({ type: 'decision', decision, source: 'schedule' });
    this.#run.growth.applyDecision(decision, this.#run.state.step);
  }
}
