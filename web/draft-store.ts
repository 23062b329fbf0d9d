/**
 * The experiment being edited in the run control. Values may be out of range while a person types;
 * `validation` says what is wrong, and only a valid draft can start.
 */
import { create } from 'zustand';
import { canonicalJson } from '../shared/base/canonical.ts';
import { dataPaths, mapDataPaths } from '../shared/contracts/data-paths.ts';
import type { DroppedFile } from '../shared/contracts/engine-protocol.ts';
import { type DataSpec, Experiment } from '../shared/contracts/experiment.ts';
import { parseExperiment } from '../shared/data/experiment-file.ts';
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

/**
 * Replaces the draft by what an experiment file says. The files it reads are known by their names
 * alone, for the page does not know where they are.
 *
 * @throws {InputError} Listing every fault of the file with its line and column.
 */
export function openExperimentFile(text: string, fileName: string): void {
  const experiment = parseExperiment(text, fileName);
  const last = (path: string) => path.split(/[\\/]/).at(-1) ?? path;
  const { initialWeights } = experiment;
  openExperiment({
    ...experiment,
    data: mapDataPaths(experiment.data, last),
    ...(initialWeights === undefined ? {} : { initialWeights: last(initialWeights) }),
  });
}

/**
 * Uses a dropped file: as the one that the draft reads by its name, or else as a table of its own,
 * whose last column is the label until another is chosen.
 *
 * @returns Whether the draft waited for it.
 */
export function openDataFile(file: DroppedFile): boolean {
  const { data: wanted, initialWeights } = useDraftStore.getState().draft;
  if ([...dataPaths(wanted), initialWeights].includes(file.name)) return keepFile(file);
  const data: DataSpec = Experiment.shape.data.parse({ source: 'csv', train: [file.name] });
  useDraftStore.setState(({ draft }) => {
    const stem = file.name.replace(/\.[^.]*$/, '').replace(/[^a-z0-9._-]+/gi, '-');
    const name = stem.replace(/^[^a-z0-9]+/i, '').slice(0, 64) || 'my-data';
    return stateOf('custom', { ...draft, name, data }, [file]);
  });
  return false;
}

function keepFile(file: DroppedFile): true {
  useDraftStore.setState(({ files }) => ({
    files: [...files.filter(({ name }) => name !== file.name), file],
  }));
  return true;
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
