/**
 * What is done to a run and when, read from its event log and given to a trainer. With the same
 * experiment, adapter and schedule a run computes the same bits again, whatever made the decisions
 * the first time: a policy, a server, a person.
 *
 * Example: the growth of one run, forced at the same steps on another experiment:
 * `openRun(bench, { ..., schedule: scheduleOf(events, { forced: true }) })`.
 */
import type { Decision } from '../contracts/decision.ts';
import type { Command, RunEvent } from '../contracts/events.ts';
import type { RunAction, RunSchedule } from '../contracts/lineage.ts';

/**
 * Events that the state of a run at its end rests on, in order: what a rollback undid is left out.
 */
export function survivingEvents(events: readonly RunEvent[]): RunEvent[] {
  const kept: RunEvent[] = [];
  for (const event of events) {
    if (event.type === 'governor') {
      while (kept.length > 0 && kept.at(-1)!.step > event.restoredStep) kept.pop();
    }
    kept.push(event);
  }
  return kept;
}

/** The action an event stands for, or null: most events are consequences. */
export function actionOf(event: RunEvent): RunAction | null {
  const { step } = event;
  switch (event.type) {
    case 'decision':
      return event.decision.action === 'wait'
        ? null
        : { kind: 'decision', step, decision: event.decision };
    case 'command':
      return { kind: 'command', step, command: event.command };
    case 'governor':
      return event.remedy
        ? { kind: 'remedy', step: event.restoredStep, cause: event.cause, remedy: event.remedy }
        : null;
    default:
      return null;
  }
}

export interface ScheduleOptions {
  /**
   * Turns decisions into commands: growth then happens at its step even where the evidence that the
   * gates ask for is another. Remedies of the governor are left out: they belong to their run.
   */
  forced?: boolean;
  /** Leaves out the event of this number. */
  without?: number | null;
  /** Leaves out everything before this event number. */
  fromEvent?: number;
  /** Leaves out what happened after this step. */
  untilStep?: number;
}

/** Everything that was done to a run, from its log; the policy decides nothing. */
export function scheduleOf(
  events: readonly RunEvent[],
  options: ScheduleOptions = {},
): RunSchedule {
  const { forced = false, fromEvent = 0, untilStep = Number.POSITIVE_INFINITY } = options;
  const actions: RunAction[] = [];
  const surviving = survivingEvents(events);
  surviving.forEach((event, i) => {
    if (event.seq < fromEvent || event.seq === options.without) return;
    const action = actionOf(event);
    if (!action || action.step > untilStep) return;
    if (!forced) actions.push(action);
    else if (event.type === 'command' && event.accepted) actions.push(action);
    else if (event.type === 'decision' && tookEffect(surviving, i)) {
      const command = asCommand(event.decision);
      if (command) actions.push({ kind: 'command', step: event.step, command });
    }
  });
  return { actions, policyFrom: null };
}

/** Whether a decision was followed by the transition it asked for: a gate may have refused it. */
function tookEffect(events: readonly RunEvent[], index: number): boolean {
  const { decision, step } = events[index] as Extract<RunEvent, { type: 'decision' }>;
  for (const event of events.slice(index + 1)) {
    if (event.step !== step || event.type === 'decision' || event.type === 'command') return false;
    if (event.type !== 'transition') continue;
    if (event.layerId === decision.layerId && event.slot === decision.slot) return true;
  }
  return false;
}

/** The command that does what a decision asks for; null for a decision that does nothing. */
export function asCommand(decision: Decision): Command | null {
  const { action, blendMode, blueprint, layerId, slot } = decision;
  if (action === 'wait' || layerId === null || slot === null) return null;
  if (action !== 'germinate') return { kind: action, layerId, slot };
  if (blueprint === null) return null;
  return { kind: action, layerId, slot, blueprint, ...(blendMode ? { blendMode } : {}) };
}

/** Adds commands to a schedule: after what it holds for the same step. */
export function withCommands(
  schedule: RunSchedule,
  added: readonly { step: number; command: Command }[],
): RunSchedule {
  const commands = added.map((a) => ({ kind: 'command', ...a }) as const);
  const actions = [...schedule.actions, ...commands].sort((a, b) => a.step - b.step);
  return { ...schedule, actions };
}

/** A schedule being followed. The number of actions taken is part of the run's state. */
export class ScheduleCursor {
  readonly schedule: RunSchedule;

  constructor(schedule: RunSchedule) {
    this.schedule = schedule;
  }

  /** Actions that are due, decisions only or all kinds; `taken` of them were applied before. */
  due(taken: number, step: number, decisionsOnly: boolean): RunAction[] {
    const { actions } = this.schedule;
    let end = taken;
    while (end < actions.length && actions[end]!.step <= step) {
      if (decisionsOnly && actions[end]!.kind !== 'decision') break;
      end++;
    }
    return actions.slice(taken, end);
  }

  /** Actions that are still to be taken. */
  left(taken: number): readonly RunAction[] {
    return this.schedule.actions.slice(taken);
  }

  /** Step of the next action; infinite when there is none. */
  nextStep(taken: number): number {
    return this.schedule.actions[taken]?.step ?? Number.POSITIVE_INFINITY;
  }

  /** Whether the policy decides at the look of this step. */
  policyDecides(step: number): boolean {
    const { policyFrom } = this.schedule;
    return policyFrom !== null && step >= policyFrom;
  }
}
