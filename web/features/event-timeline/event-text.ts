/** One line for each kind of event in the log. */
import type { RunEvent } from '../../../shared/contracts/events.ts';
import { formatMeasured, formatShare } from '../../ui/format.ts';
import { STAGE_LOOKS } from '../../ui/stage.ts';

export const EVENT_GROUPS = ['growth', 'training', 'system'] as const;
export type EventGroup = (typeof EVENT_GROUPS)[number];

/** Decisions have their own panel; metrics and health are charts. */
const GROUPS: Record<RunEvent['type'], EventGroup | null> = {
  'run.started': 'system',
  tuning: 'system',
  metrics: null,
  evaluation: 'training',
  health: null,
  decision: null,
  command: 'growth',
  gate: 'growth',
  transition: 'growth',
  artifact: 'growth',
  pace: 'growth',
  fold: 'growth',
  'alpha-landscape': 'growth',
  contribution: 'growth',
  'policy-cost': 'growth',
  'policy-knowledge': 'growth',
  governor: 'training',
  twin: 'growth',
  checkpoint: 'system',
  notice: 'system',
  'run.finished': 'system',
};

/** The filter an event falls under, or null when the timeline leaves it out. */
export function eventGroup(event: RunEvent): EventGroup | null {
  return GROUPS[event.type];
}

/** Where the kernels of a seed came from. */
const ORIGIN_TEXT = {
  memory: 'memory',
  storage: 'storage',
  urza: 'the server',
  forge: 'the compiler',
} as const;
const SPLITS = { train: 'Training', validation: 'Validation', test: 'Test' } as const;
const ENDS = { done: 'Finished', interrupted: 'Interrupted', failed: 'Failed' } as const;

export function eventText(event: RunEvent): string {
  switch (event.type) {
    case 'run.started':
      return `${event.resumed ? 'Resumed' : 'Started'} on ${event.adapter}${event.numerics ? `, numerics ${event.numerics}` : ''}`;
    case 'tuning':
      return tuningText(event.choices);
    case 'evaluation':
      return `${SPLITS[event.split]} loss ${formatMeasured(event.loss[0])}, accuracy ${formatShare(event.accuracy[0])}`;
    case 'command': {
      const who = { person: 'You', policy: 'Policy', replay: 'Replay' }[event.origin];
      const verdict = event.accepted ? '' : `: refused, ${event.reason ?? 'no reason given'}`;
      return `${who}: ${commandText(event.command)}${verdict}`;
    }
    case 'gate': {
      const failed = event.checks.filter((check) => !check.passed).map((check) => check.name);
      const verdict = event.passed ? 'passed' : `not passed (${failed.join(', ') || 'no check'})`;
      return `Gate ${event.gate} of ${event.layerId} slot ${event.slot} ${verdict}`;
    }
    case 'transition': {
      const who = event.seedId ?? `slot ${event.slot}`;
      const [from, to] = [STAGE_LOOKS[event.from].label, STAGE_LOOKS[event.to].label];
      return `${who} in ${event.layerId}: ${from} → ${to} (${event.cause})`;
    }
    case 'artifact': {
      const wait =
        event.waitedMs > 0
          ? `training waited ${Math.ceil(event.waitedMs)} ms for them`
          : 'in time, training did not wait';
      return `Kernels of ${event.seedId} (${event.blueprint}) in ${event.layerId} came from ${ORIGIN_TEXT[event.origin]} ${Math.ceil(event.readyMs)} ms after they were asked for: ${wait}`;
    }
    case 'pace': {
      const pace = event.rate === 0 ? 'stands' : `goes at ${formatShare(event.rate)} of its pace`;
      return `Blending of ${event.seedId} in ${event.layerId} ${pace} at α ${event.alpha.toFixed(2)} (${event.curve}: ${formatMeasured(event.value)}, bound ${event.threshold})`;
    }
    case 'fold':
      return event.folded
        ? `${event.seedId} folded into ${event.layerId} (${event.reason}): ${event.parametersBefore} → ${event.parametersAfter} parameters, ${event.dispatchesBefore} → ${event.dispatchesAfter} dispatches`
        : `${event.seedId} in ${event.layerId} stays a graft: ${event.reason}`;
    case 'alpha-landscape':
      return `${event.seedId} in ${event.layerId}: loss over alpha is lowest at ${formatMeasured(event.best)}, full weight gains ${formatMeasured(event.benefit)}`;
    case 'contribution':
      return `Contributions (removal, Shapley): ${event.seeds
        .map((s) => `${s.seedId} ${formatMeasured(s.removal)}, ${formatMeasured(s.shapley)}`)
        .join('; ')}`;
    case 'policy-knowledge': {
      const arms = Object.keys(event.knowledge.arms).length;
      const from = { server: 'the server', local: 'this machine', none: 'nowhere yet' }[
        event.source
      ];
      return `Knowledge "${event.name}" of ${arms} arms from ${from}, ${event.digest.slice(0, 12)}…`;
    }
    case 'policy-cost':
      return `Policy measured ${event.detail}: ${event.forwardRows} rows forward, ${event.backwardRows} backward`;
    case 'governor':
      return `Governor went back to step ${event.restoredStep}: ${event.cause}${remedyText(event.remedy)}`;
    case 'twin':
      return `${event.seedId} against its twin, ${event.horizon} steps after step ${event.germinatedStep}: causal ${formatMeasured(event.causal)}, removal ${formatMeasured(event.removal)}`;
    case 'checkpoint':
      return `Checkpoint ${event.digest.slice(0, 19)}…`;
    case 'notice':
      return event.message;
    case 'run.finished':
      return `${ENDS[event.status]}: test accuracy ${formatShare(event.testAccuracy)}, ${event.parameters} parameters, ${event.digest.slice(0, 19)}…`;
    default:
      return event.type;
  }
}

function tuningText(choices: Extract<RunEvent, { type: 'tuning' }>['choices']): string {
  const all = Object.values(choices);
  const of = (...sources: string[]) => all.filter((c) => sources.includes(c.source)).length;
  return `Kernel variants: ${of('measured')} measured now, ${of('stored', 'recorded')} from before, ${of('default')} untimed`;
}

function remedyText(remedy: Extract<RunEvent, { type: 'governor' }>['remedy']): string {
  switch (remedy?.kind) {
    case 'cull-seeds':
      return '; live seeds were pruned';
    case 'slow-down':
      return `; the learning rate was multiplied by ${remedy.factor}`;
    case 'skip-step':
      return `; step ${remedy.step} is left out`;
    default:
      return '';
  }
}

function commandText(command: Extract<RunEvent, { type: 'command' }>['command']): string {
  if (command.kind === 'setLearningRate') return `learning rate ${command.learningRate}`;
  const where = `${command.layerId} slot ${command.slot}`;
  if (command.kind === 'germinate') return `germinate ${command.blueprint} in ${where}`;
  if (command.kind === 'setAlpha') return `alpha of ${where} to ${command.alpha}`;
  return `${command.kind === 'cull' ? 'prune' : command.kind} ${where}`;
}
