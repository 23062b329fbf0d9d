/**
 * What a person can ask of the run, as functions that never throw: a refusal becomes a toast with
 * the engine's own message. Buttons and keyboard shortcuts share them.
 */
import { messageOf } from '../shared/base/errors.ts';
import type { EngineRequest, ExportedFile } from '../shared/contracts/engine-protocol.ts';
import type { Command } from '../shared/contracts/events.ts';
import type { ExportFormatName } from '../shared/contracts/export-format.ts';
import type { KernelTimes } from '../shared/contracts/kernel-times.ts';
import { type BranchActions, createBranchActions } from './branch-actions.ts';
import { editDraft, missingFiles, openExperiment, useDraftStore } from './draft-store.ts';
import type { EngineClient } from './engine-client.ts';
import { showToast, useRunStore } from './run-store.ts';
import { encodeShareHash } from './share-link.ts';
import { writeStoredRun } from './stored-run.ts';

export interface RunActions {
  /** What looks back into stored runs. */
  branches: BranchActions;
  /** Starts the draft as a new run. */
  start(): Promise<void>;
  pause(): Promise<void>;
  continue(): Promise<void>;
  /** Starts, pauses or continues, whichever the run's status calls for. */
  toggle(): Promise<void>;
  /** Trains `steps` steps and pauses; prepares the draft first when there is no run. */
  step(steps: number): Promise<void>;
  setSpeed(stepsPerSecond: number | null): Promise<void>;
  /** Back to step 0 with the same seed, paused. */
  reset(): Promise<void>;
  /** Back to step 0 with other random numbers; a run that was running runs on. */
  newSeed(): Promise<void>;
  command(command: Command): Promise<void>;
  tripBreaker(service: string): Promise<void>;
  resetBreaker(service: string): Promise<void>;
  setBoundary(resolution: number): Promise<void>;
  /** Times the kernels of a training step; a refusal is told where they are shown. */
  kernelTimes(): Promise<{ times: KernelTimes } | { problem: string }>;
  exportRun(format: ExportFormatName | 'events' | 'experiment'): Promise<void>;
  /** Puts the draft's link in the address bar and on the clipboard. */
  share(): Promise<void>;
  /** Looks for a run this tab showed before and, when it was running, lets it run on. */
  resumeStored(runId: string, wasRunning: boolean): Promise<boolean>;
}

/** Stands for a request that failed and was already told to the person. */
const REFUSED = Symbol('refused');

const hasRun = (): boolean => (useRunStore.getState().snapshot?.runId ?? '') !== '';

/** @param client The page's engine. */
export function createRunActions(client: EngineClient): RunActions {
  const ask = async (request: EngineRequest): Promise<unknown> => {
    try {
      return await client.request(request);
    } catch (error) {
      showToast({ level: 'error', text: messageOf(error) });
      return REFUSED;
    }
  };
  const tell = async (request: EngineRequest): Promise<void> => {
    await ask(request);
  };

  /** @returns True when the run is prepared. */
  const startDraft = async (paused: boolean): Promise<boolean> => {
    const state = useDraftStore.getState();
    const { experiment } = state.validation;
    if (!experiment) {
      showToast({ level: 'warning', text: 'Correct the marked settings first, then start' });
      return false;
    }
    const missing = missingFiles(state);
    if (missing.length > 0) {
      const text = `Drop ${missing.join(' and ')} on the page first: these data stay on your machine and are not part of a link`;
      showToast({ level: 'warning', text });
      return false;
    }
    const files = state.files.length > 0 ? { files: state.files } : {};
    const started = await ask({
      kind: 'start',
      experiment,
      ...files,
      ...(paused ? { paused } : {}),
    });
    return started !== REFUSED;
  };

  const actions: RunActions = {
    branches: createBranchActions(client),
    async start() {
      await startDraft(false);
    },
    pause: () => tell({ kind: 'pause' }),
    continue: () => tell({ kind: 'continue' }),
    async toggle() {
      const status = useRunStore.getState().snapshot?.status ?? 'idle';
      if (status === 'running') await actions.pause();
      else if (status === 'paused') await actions.continue();
      else if (status !== 'preparing') await actions.start();
    },
    async step(steps) {
      const status = useRunStore.getState().snapshot?.status ?? 'idle';
      if (status === 'preparing') return;
      const isPrepared = status === 'running' || status === 'paused' || (await startDraft(true));
      if (isPrepared) await tell({ kind: 'step', steps });
    },
    setSpeed: (stepsPerSecond) => tell({ kind: 'speed', stepsPerSecond }),
    async reset() {
      if (hasRun()) await tell({ kind: 'reset' });
    },
    async newSeed() {
      const seed = crypto.getRandomValues(new Uint32Array(1))[0] as number;
      editDraft((draft) => ({ ...draft, seed }));
      if (!hasRun()) return;
      const wasRunning = useRunStore.getState().snapshot?.status === 'running';
      await tell({ kind: 'reset', seed });
      if (wasRunning) await actions.continue();
    },
    command: (command) => tell({ kind: 'command', command }),
    tripBreaker: (service) => tell({ kind: 'trip-breaker', service }),
    resetBreaker: (service) => tell({ kind: 'reset-breaker', service }),
    setBoundary: (resolution) => tell({ kind: 'boundary', resolution }),
    async kernelTimes() {
      try {
        return { times: (await client.request({ kind: 'kernel-times' })) as KernelTimes };
      } catch (error) {
        return { problem: messageOf(error) };
      }
    },
    async exportRun(format) {
      const file = await ask({ kind: 'export', format });
      if (file !== REFUSED) download(file as ExportedFile);
    },
    async share() {
      const { experiment } = useDraftStore.getState().validation;
      if (!experiment) {
        showToast({ level: 'warning', text: 'Correct the marked settings first, then share' });
        return;
      }
      history.replaceState(null, '', encodeShareHash(experiment));
      try {
        await navigator.clipboard.writeText(location.href);
        showToast({ level: 'info', text: 'Link copied: it opens this experiment' });
      } catch {
        showToast({ level: 'info', text: 'The link is in the address bar: copy it from there' });
      }
    },
    async resumeStored(runId, wasRunning) {
      try {
        if ((await client.request({ kind: 'resume-stored', runId })) === false) {
          writeStoredRun(null);
          return false;
        }
      } catch (error) {
        const text = `Cannot resume run ${runId}: ${messageOf(error)}. Press Start for a new one`;
        showToast({ level: 'error', text });
        return false;
      }
      const { experiment } = useRunStore.getState();
      if (experiment) openExperiment(experiment);
      if (wasRunning) await actions.continue();
      return true;
    },
  };
  return actions;
}

function download(file: ExportedFile): void {
  const url = URL.createObjectURL(new Blob([file.bytes], { type: file.mediaType }));
  const link = document.createElement('a');
  link.href = url;
  link.download = file.name;
  link.click();
  // The browser reads the blob after this turn of the event loop.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
