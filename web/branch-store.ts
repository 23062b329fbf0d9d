/** Stored runs as the page knows them, and the two that stand beside each other. */
import { create } from 'zustand';
import { messageOf } from '../shared/base/errors.ts';
import type {
  ReplayResult,
  StoredRunRow,
  StoredRunView,
} from '../shared/contracts/branch-protocol.ts';
import type { EngineClient } from './engine-client.ts';
import { useRunStore } from './run-store.ts';

export interface BranchState {
  /** Newest first; null: not read yet. */
  rows: readonly StoredRunRow[] | null;
  error: string | null;
  /** Run ids, at most two, in the order they were chosen. */
  compared: readonly string[];
  views: Readonly<Record<string, StoredRunView>>;
  viewError: string | null;
  /** Of the run of this id. */
  replay: { runId: string; result: ReplayResult } | null;
}

export const INITIAL_BRANCH_STATE: BranchState = {
  ...{ rows: null, error: null, compared: [], views: {}, viewError: null, replay: null },
};

export const useBranchStore = create<BranchState>()(() => INITIAL_BRANCH_STATE);

/** Grid of the small boundaries. */
const RESOLUTION = 48;

/** Reads the list of stored runs; a failure is a state to show. */
export async function refreshRuns(client: EngineClient): Promise<void> {
  try {
    const rows = (await client.request({ kind: 'list-runs' })) as StoredRunRow[];
    useBranchStore.setState(({ compared }) => ({
      ...{ rows, error: null },
      compared: compared.filter((id) => rows.some((r) => r.runId === id)),
    }));
  } catch (error) {
    useBranchStore.setState({ error: messageOf(error) });
  }
}

/** Reads what the compared runs look like now. */
export async function refreshViews(client: EngineClient): Promise<void> {
  const { compared } = useBranchStore.getState();
  for (const runId of compared) {
    try {
      const request = { kind: 'view-run', runId, resolution: RESOLUTION } as const;
      const view = (await client.request(request)) as StoredRunView;
      useBranchStore.setState(({ views }) => ({
        views: { ...views, [runId]: view },
        viewError: null,
      }));
    } catch (error) {
      useBranchStore.setState({ viewError: messageOf(error) });
    }
  }
}

/** Puts a run beside the other, or takes it away; a third takes the place of the first. */
export function toggleCompared(runId: string): void {
  useBranchStore.setState(({ compared }) => ({
    compared: compared.includes(runId)
      ? compared.filter((id) => id !== runId)
      : [...compared, runId].slice(-2),
    viewError: null,
  }));
}

/** Keeps the list current: it changes when a run begins, rests or ends. */
export function watchRuns(client: EngineClient): void {
  let mark = '';
  useRunStore.subscribe(({ snapshot }) => {
    if (!snapshot || snapshot.status === 'preparing') return;
    const now = `${snapshot.runId} ${snapshot.status} ${snapshot.status === 'running' ? '' : snapshot.step}`;
    if (now === mark) return;
    mark = now;
    const isResting = snapshot.status !== 'running';
    void refreshRuns(client).then(() => (isResting ? refreshViews(client) : undefined));
  });
}
