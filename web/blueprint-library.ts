/** The library of blueprints, and a person's own, as panels show them: on one host each. */
import { messageOf } from '../shared/base/errors.ts';
import { CATALOGUE, libraryBlueprint, libraryNamesFor } from '../shared/blueprints/library.ts';
import { parseBlueprint } from '../shared/blueprints/own-blueprints.ts';
import { type BlueprintPreview, previewBlueprint } from '../shared/blueprints/preview.ts';
import type { Blueprint, HostShape } from '../shared/contracts/blueprint.ts';
import type { Experiment } from '../shared/contracts/experiment.ts';
import { editDraft, useDraftStore } from './draft-store.ts';

export type { BlueprintPreview } from '../shared/blueprints/preview.ts';

export interface LibraryEntry {
  blueprint: Blueprint;
  isOwn: boolean;
  /** Null: it does not fit the host, for the reason. */
  preview: BlueprintPreview | null;
  reason: string | null;
}

/** Every blueprint there is on a host, a person's own first. */
export function libraryOn(host: HostShape, own: readonly Blueprint[]): Promise<LibraryEntry[]> {
  const entry = async (blueprint: Blueprint, isOwn: boolean): Promise<LibraryEntry> => {
    try {
      const preview = await previewBlueprint(blueprint, host);
      return { blueprint, isOwn, preview, reason: null };
    } catch (error) {
      return { blueprint, isOwn, preview: null, reason: messageOf(error) };
    }
  };
  return Promise.all([
    ...own.map((blueprint) => entry(blueprint, true)),
    ...CATALOGUE.map((name) => entry(libraryBlueprint(name), false)),
  ]);
}

/** What a run offers its policy where the draft leaves it open. */
function usualNames({ host }: Experiment): string[] {
  return libraryNamesFor('activation' in host ? host.activation : 'gelu');
}

/**
 * Takes a blueprint file into the draft: a policy may choose it, before all others.
 *
 * @throws {InputError} If the file is no blueprint, or its name is taken.
 */
export function addOwnBlueprint(text: string, fileName: string): Blueprint {
  const blueprint = parseBlueprint(text, fileName);
  editDraft((draft) => {
    const { blueprints, ownBlueprints = [] } = draft.growth;
    const others = ownBlueprints.filter((b) => b.name !== blueprint.name);
    const names = (blueprints ?? usualNames(draft)).filter((name) => name !== blueprint.name);
    const growth = {
      ...draft.growth,
      blueprints: [blueprint.name, ...names],
      ownBlueprints: [...others, blueprint],
    };
    return { ...draft, growth };
  });
  return blueprint;
}

/** Takes one of the person's own out of the draft again. */
export function removeOwnBlueprint(name: string): void {
  editDraft((draft) => {
    const { blueprints, ownBlueprints, ...growth } = draft.growth;
    const own = (ownBlueprints ?? []).filter((b) => b.name !== name);
    const rest = (blueprints ?? []).filter((n) => n !== name);
    // What is left may be no more than the usual: then the draft leaves it open again.
    const names = rest.join() === usualNames(draft).join() ? [] : rest;
    return {
      ...draft,
      growth: {
        ...growth,
        ...(names.length > 0 ? { blueprints: names } : {}),
        ...(own.length > 0 ? { ownBlueprints: own } : {}),
      },
    };
  });
}

const NONE: readonly Blueprint[] = [];

/** The person's own blueprints in the draft. */
export function useOwnBlueprints(): readonly Blueprint[] {
  return useDraftStore((s) => s.draft.growth.ownBlueprints ?? NONE);
}
