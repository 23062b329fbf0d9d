/** Chooses which layers of a model are Kasmina layers. */
import type { HostLayer } from '../models/layer.ts';
import { canGrow, type GrowableLayer } from './kasmina-layer.ts';

/**
 * A name in which `*` stands for any run of characters (`layer1.*.conv1`), several of them, a regular
 * expression, or a question about the layer.
 */
export type LayerChoice = string | readonly string[] | RegExp | ((layer: GrowableLayer) => boolean);

/**
 * Makes the chosen Linear, Conv2d, norm and attention layers Kasmina layers, and the others plain.
 * Nothing of what the model computes changes: a dormant slot adds no node.
 *
 * @throws {RangeError} If a name matches no layer that could be one, with the names there are.
 */
export function wrap(model: readonly HostLayer[], choice: LayerChoice): HostLayer[] {
  const candidates = model.filter(canGrow);
  const names = typeof choice === 'string' ? [choice] : choice;
  if (Array.isArray(names)) {
    const unknown = names.find((name) => !candidates.some((l) => matchesName(name, l.name)));
    if (unknown !== undefined) {
      throw new RangeError(
        `Cannot wrap layer "${unknown}": the model has ${candidates.map((l) => l.name).join(', ')}`,
      );
    }
  }
  return model.map((layer) =>
    canGrow(layer) ? { ...layer, grows: chooses(choice, layer) } : layer,
  );
}

function chooses(choice: LayerChoice, layer: GrowableLayer): boolean {
  if (typeof choice === 'function') return choice(layer);
  if (choice instanceof RegExp)
    return new RegExp(choice.source, choice.flags.replace('g', '')).test(layer.name);
  const names = typeof choice === 'string' ? [choice] : choice;
  return names.some((name) => matchesName(name, layer.name));
}

/** Whether a name is a layer's; `*` in it stands for any run of characters. */
export function matchesName(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
