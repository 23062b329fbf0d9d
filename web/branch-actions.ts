/** What a person can ask of stored runs, as functions that never throw; see run-actions.ts. */
import { messageOf } from '../shared/base/errors.ts';
import type { ReplayResult } from '../shared/contracts/branch-protocol.ts';
import type { EngineRequest } from '../shared/contracts/engine-protocol.ts';
import type { Command } from '../shared/contracts/events.ts';
import { refreshRuns, refreshViews, toggleCompared, useBranchStore } from './branch-store.ts';
import type { EngineClient } from './engine-client.ts';
import { claimRun } from './run-lock.ts';
import { showToast, useRunStore } from './run-store.ts';

export interface BranchActions {
  /** Takes the open run back to a step; what came after is removed from it. */
  rewind(step: number): Promise<void>;
  /** Branches the open run off, opens the fork and puts both beside each other. */
  fork(change: {
    step?: number;
    without?: number;
    added?: { step: number; command: Command }[];
  }): Promise<void>;
  replay(): Promise<void>;
  twin(seedId: string): Promise<void>;
  stopWork(): Promise<void>;
  openCapsule(file: File): Promise<void>;
  /** Opens a stored run, paused. */
  open(runId: string): Promise<void>;
  remove(runId: string): Promise<void>;
  compare(runId: string): Promise<void>;
  refresh(): Promise<void>;
}

/** Larger than any run the page can hold in memory twice. */
const MAX_CAPSULE = 512 * 2 ** 20;

export function createBranchActions(client: EngineClient): BranchActions {
  /** Undefined: refused, and the person was told. */
  const ask = async (request: EngineRequest): Promise<unknown> => {
    try {
      return (await client.request(request)) ?? null;
    } catch (error) {
      showToast({ level: 'error', text: messageOf(error) });
      return undefined;
    }
  };
  const actions: BranchActions = {
    async rewind(step) {
      if (!(await ask({ kind: 'rewind', step }))) return;
      showToast({ level: 'info', text: `Back at step ${step}` });
      await actions.refresh();
    },
    async fork({ step, without, added = [] }) {
      const parent = useRunStore.getState().snapshot?.runId ?? '';
      const isChanged = without !== undefined || added.length > 0;
      const fork = await ask({
        ...{ kind: 'fork', step: step ?? null, without: without ?? null, added },
        future: isChanged ? 'schedule' : 'policy',
      });
      if (typeof fork !== 'string') return;
      useBranchStore.setState({ compared: [parent, fork] });
      showToast({ level: 'info', text: 'This is the fork now. Continue trains it' });
      await actions.refresh();
    },
    async replay() {
      const runId = useRunStore.getState().snapshot?.runId ?? '';
      const result = (await ask({ kind: 'replay' })) as ReplayResult | undefined;
      if (result) useBranchStore.setState({ replay: { runId, result } });
    },
    async twin(seedId) {
      if (await ask({ kind: 'twin', seedId })) await actions.refresh();
    },
    async stopWork() {
      await ask({ kind: 'stop-work' });
    },
    async openCapsule(file) {
      if (file.size > MAX_CAPSULE) {
        const text = `Cannot open "${file.name}": it is larger than a page can hold. Use npx esper replay ${file.name}`;
        showToast({ level: 'error', text });
        return;
      }
      const bytes = await file.arrayBuffer();
      const opened = await ask({ kind: 'open-capsule', name: file.name, bytes });
      if (typeof opened !== 'string') return;
      showToast({ level: 'info', text: `${file.name} is verified and open` });
      await actions.refresh();
    },
    async open(runId) {
      if (!(await claimRun(runId))) {
        showToast({ level: 'warning', text: 'This run is open in another tab' });
        return;
      }
      const found = await ask({ kind: 'resume-stored', runId });
      if (found === false) showToast({ level: 'error', text: 'This run is no longer stored' });
      await actions.refresh();
    },
    async remove(runId) {
      if ((await ask({ kind: 'remove-run', runId })) === undefined) return;
      await actions.refresh();
    },
    async compare(runId) {
      toggleCompared(runId);
      await refreshViews(client);
    },
    async refresh() {
      await refreshRuns(client);
      await refreshViews(client);
    },
  };
  return actions;
}
