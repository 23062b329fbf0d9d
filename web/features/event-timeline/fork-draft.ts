/** Commands that a fork shall have, while a person writes them. Pure. */
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import { Command, type RunEvent } from '../../../shared/contracts/events.ts';

export type CommandKind = Command['kind'];

/** Every field a command may have; those that its kind does not use are kept for another kind. */
export interface CommandDraft {
  /** Tells rows of the form apart. */
  key: number;
  kind: CommandKind;
  step: number;
  layerId: string;
  slot: number;
  blueprint: string;
  alpha: number;
  learningRate: number;
}

export interface AddedCommand {
  step: number;
  command: Command;
}

/** What the open run allows. */
export interface ForkRoom {
  layers: readonly LayerReport[];
  /** Steps of the experiment: a command has to come before its last. */
  steps: number;
}

export const COMMAND_LABELS: Readonly<Record<CommandKind, string>> = {
  germinate: 'Germinate',
  cull: 'Prune',
  advance: 'Advance',
  fossilize: 'Fossilise',
  setAlpha: 'Set alpha',
  setLearningRate: 'Set the learning rate',
};

/** A command to begin with: at the picked event's step and place, or at `step` in the first layer. */
export function firstDraft(
  key: number,
  event: RunEvent | null,
  step: number,
  { layers }: ForkRoom,
): CommandDraft {
  const place = event && placeOf(event);
  const layerId = place?.layerId ?? layers[0]?.layerId ?? '';
  const draft: CommandDraft = {
    ...{ key, kind: 'germinate', step: event?.step ?? step, layerId, slot: place?.slot ?? 0 },
    ...{ blueprint: '', alpha: 1, learningRate: 0.01 },
  };
  const given = event?.type === 'command' ? event.command : {};
  return inRoom({ ...draft, ...given }, layers);
}

/** Where an event took place; null: in no slot. */
function placeOf(event: RunEvent): { layerId: string; slot: number } | null {
  return 'layerId' in event && 'slot' in event
    ? { layerId: event.layerId, slot: event.slot }
    : null;
}

/** The same with a slot and a blueprint that its layer has. */
export function inRoom(draft: CommandDraft, layers: readonly LayerReport[]): CommandDraft {
  const layer = layers.find(({ layerId }) => layerId === draft.layerId);
  if (!layer) return draft;
  const fits = layer.offers.some(({ blueprint }) => blueprint === draft.blueprint);
  return {
    ...draft,
    slot: Math.min(draft.slot, Math.max(0, layer.slots.length - 1)),
    blueprint: fits ? draft.blueprint : (layer.offers[0]?.blueprint ?? ''),
  };
}

/** The command, or what is wrong with it. */
export function commandOf(
  draft: CommandDraft,
  { layers, steps }: ForkRoom,
): { added: AddedCommand; issue: null } | { added: null; issue: string } {
  const refuse = (issue: string) => ({ added: null, issue });
  const { alpha, blueprint, kind, layerId, learningRate, slot, step } = draft;
  if (!Number.isInteger(step) || step < 0 || step >= steps) {
    return refuse(`The step must be a whole number from 0 to ${steps - 1}`);
  }
  if (kind === 'setLearningRate') {
    return learningRate > 0
      ? { added: { step, command: { kind, learningRate } }, issue: null }
      : refuse('The learning rate must be more than 0');
  }
  if (!layers.some((layer) => layer.layerId === layerId)) return refuse('Choose a layer');
  if (kind === 'germinate' && blueprint === '') {
    return refuse(`No blueprint fits ${layerId}`);
  }
  const own = kind === 'germinate' ? { blueprint } : kind === 'setAlpha' ? { alpha } : {};
  const parsed = Command.safeParse({ kind, layerId, slot, ...own });
  if (!parsed.success) return refuse('Alpha must be from 0 to 1');
  return { added: { step, command: parsed.data }, issue: null };
}
