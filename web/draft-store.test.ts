import { beforeEach, describe, expect, it } from 'vitest';
import {
  missingFiles,
  openDataFile,
  openExperimentFile,
  openPreset,
  useDraftStore,
} from './draft-store.ts';
import { presetList } from './presets.ts';

const file = (name: string) => ({ name, bytes: new ArrayBuffer(8) });
const LAYERS = {
  name: 'own',
  data: { source: 'csv', train: 'some/where/rows.csv', label: 'side' },
  host: {
    kind: 'layers',
    layers: [
      { kind: 'linear', units: 8 },
      { kind: 'activation', activation: 'gelu' },
      { kind: 'linear', units: 'classes' },
    ],
  },
};

beforeEach(() => openPreset(presetList[0]!.key));

describe('an experiment file', () => {
  it('replaces the draft, and its files are wanted by their names', () => {
    openExperimentFile(JSON.stringify(LAYERS), 'own.json');
    const { draft, files, origin, validation } = useDraftStore.getState();
    expect(origin).toBe('custom');
    expect(validation.issues.size).toBe(0);
    expect(draft.host).toMatchObject({ kind: 'layers' });
    expect(missingFiles({ draft, files })).toEqual(['rows.csv']);
  });

  it('is left alone where it is wrong, with line and column', () => {
    const before = useDraftStore.getState().draft;
    const text = JSON.stringify({
      ...LAYERS,
      host: { kind: 'layers', layers: [{ kind: 'linear' }] },
    });
    expect(() => openExperimentFile(text, 'own.json')).toThrow(
      /own\.json:1:\d+: "host\.layers\[0\]/,
    );
    expect(useDraftStore.getState().draft).toBe(before);
  });
});

describe('a dropped file', () => {
  it('is the one that the draft waits for, and changes no setting', () => {
    openExperimentFile(JSON.stringify(LAYERS), 'own.json');
    expect(openDataFile(file('rows.csv'))).toBe(true);
    const { draft, files } = useDraftStore.getState();
    expect(draft.data).toMatchObject({ source: 'csv', label: 'side' });
    expect(missingFiles({ draft, files })).toEqual([]);
  });

  it('is a table of its own where nothing waits for it', () => {
    expect(openDataFile(file('My table.csv'))).toBe(false);
    const { draft } = useDraftStore.getState();
    expect(draft).toMatchObject({ name: 'My-table', data: { source: 'csv', label: -1 } });
  });
});
