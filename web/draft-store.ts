/**
 * The experiment being edited in the run control. Values may be out of range while a person types;
 * `validation` says what is wrong, and only a valid draft can start.
 */
import { create } from 'zustand';
import { canonicalJson } from '../shared/base/canonical.ts';
import { dataPaths } from '../shared/contracts/data-paths.ts';
import type { DroppedFile } from '../shared/contracts/engine-protocol.ts';
import { type DataSpec, Experiment } from '../shared/contracts/experiment.ts';
import { type Validation, validateExperiment } from './experiment-issues.ts';
import { presetExperiment, presetList } from './presets.ts';

/** Key of the preset a draft came from; `custom` for a link, a stored run or an own file. */
export type DraftOrigin = string;

export interface DraftState {
  origin: DraftOrigin;
  draft: Experiment;
  validation: Validation;
  /** Dropped files the data source reads. */
  files: DroppedFile[];
}

function stateOf(origin: DraftOrigin, draft: Experiment, files: DroppedFile[]): DraftState {
  return { origin, draft, validation: validateExperiment(draft), files };
}

function initialDraft(): DraftState {
  const key = presetList[0]?.key ?? 'two-spirals';
  return stateOf(key, presetExperiment(key), []);
}

export const useDraftStore = create<DraftState>()(() => initialDraft());

/** Applies an edit and validates the result. */
export function editDraft(edit: (draft: Experiment) => Experiment): void {
  useDraftStore.setState(({ origin, draft, files }) => stateOf(origin, edit(draft), files));
}

/** Replaces the draft by a preset with its defaults. */
export function openPreset(key: string): void {
  useDraftStore.setState(stateOf(key, presetExperiment(key), []));
}

/** Replaces the draft by an experiment from a link or a stored run. */
export function openExperiment(experiment: Experiment): void {
  const isSame = (key: string): boolean =>
    canonicalJson(presetExperiment(key)) === canonicalJson(experiment);
  const preset = presetList.find(({ key }) => isSame(key));
  useDraftStore.setState(({ files }) => stateOf(preset?.key ?? 'custom', experiment, files));
}

/** Uses a dropped table as data: the last column is the label until another is chosen. */
export function openDataFile(file: DroppedFile): void {
  const data: DataSpec = Experiment.shape.data.parse({ source: 'csv', train: [file.name] });
  useDraftStore.setState(({ draft }) => {
    const stem = file.name.replace(/\.[^.]*$/, '').replace(/[^a-z0-9._-]+/gi, '-');
    const name = stem.replace(/^[^a-z0-9]+/i, '').slice(0, 64) || 'my-data';
    return stateOf('custom', { ...draft, name, data }, [file]);
  });
}

/** File names the draft's data source reads that were not dropped on this page. */
export function missingFiles({ draft, files }: Pick<DraftState, 'draft' | 'files'>): string[] {
  const has = new Set(files.map((file) => file.name));
  const weights = draft.initialWeights === undefined ? [] : [draft.initialWeights];
  return [...dataPaths(draft.data), ...weights].filter((name) => !has.has(name));
}

/** True when starting the draft would make another run than `experiment`. */
export function differsFrom(validation: Validation, experiment: Experiment | null): boolean {
  if (experiment === null) return false;
  if (validation.experiment === null) return true;
  return canonicalJson(validation.experiment) !== canonicalJson(experiment);
}
