import { beforeEach, describe, expect, it } from 'vitest';
import { editDraft, openDataFile, openPreset, useDraftStore } from './draft-store.ts';
import { EngineClient } from './engine-client.ts';
import { createRunActions } from './run-actions.ts';
import { INITIAL_RUN_STATE, receiveMessage, runSeries, useRunStore } from './run-store.ts';
import { ScriptedEngine } from './testing/scripted-engine.test-support.ts';

function open() {
  const engine = new ScriptedEngine();
  const client = new EngineClient(engine);
  client.listen(receiveMessage);
  return { engine, actions: createRunActions(client) };
}

const status = () => useRunStore.getState().snapshot?.status;
const toasts = () => useRunStore.getState().toasts.map((toast) => toast.text);

beforeEach(() => {
  useRunStore.setState(INITIAL_RUN_STATE, true);
  openPreset('two-spirals');
});

describe('createRunActions()', () => {
  it('toggles through start, pause and continue', async () => {
    const { actions } = open();
    await actions.toggle();
    expect(status()).toBe('running');
    await actions.toggle();
    expect(status()).toBe('paused');
    await actions.toggle();
    expect(status()).toBe('running');
    await actions.pause();
  });

  it('prepares a run, paused, for the first step', async () => {
    const { engine, actions } = open();
    await actions.step(10);
    expect(engine.requests.map((r) => r.kind)).toEqual(['start', 'step']);
    expect(status()).toBe('paused');
    expect(runSeries.length).toBe(10);
  });

  it('does not start a draft with faults, and says so', async () => {
    const { engine, actions } = open();
    editDraft((draft) => ({ ...draft, steps: 0 }));
    await actions.start();
    await actions.step(1);
    expect(engine.requests).toEqual([]);
    expect(toasts()[0]).toBe('Correct the marked settings first, then start');
  });

  it('sends dropped files along, and asks for those that are missing', async () => {
    const { engine, actions } = open();
    openDataFile({ name: 'my data.csv', bytes: new ArrayBuffer(8) });
    expect(useDraftStore.getState().draft.name).toBe('my-data');
    await actions.step(1);
    expect(engine.requests[0]).toMatchObject({ kind: 'start', files: [{ name: 'my data.csv' }] });
    useDraftStore.setState({ files: [] });
    await actions.start();
    expect(toasts().at(-1)).toContain('Drop my data.csv on the page first');
  });

  it('takes a new seed into the draft and lets a running run go on', async () => {
    const { engine, actions } = open();
    await actions.start();
    await actions.newSeed();
    const { seed } = useDraftStore.getState().draft;
    expect(engine.requests.slice(1)).toEqual([{ kind: 'reset', seed }, { kind: 'continue' }]);
    expect(useRunStore.getState().experiment?.seed).toBe(seed);
    await actions.pause();
  });

  it('ignores reset while there is no run', async () => {
    const { engine, actions } = open();
    await actions.reset();
    expect(engine.requests).toEqual([]);
  });

  it('tells a refused command in the words of the engine', async () => {
    const { actions } = open();
    await actions.step(1);
    await actions.command({ kind: 'cull', layerId: 'fc1', slot: 0 });
    expect(toasts()).toEqual(['cull refused: the script decides']);
  });

  it('gives the times of the kernels, or why there are none', async () => {
    const { actions } = open();
    expect(await actions.kernelTimes()).toEqual({
      problem: 'Cannot do this without a run: start one first',
    });
    await actions.step(10);
    expect(await actions.kernelTimes()).toMatchObject({ times: { step: 10 } });
    expect(toasts()).toEqual([]);
  });
});
