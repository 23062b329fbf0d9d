/**
 * What happens when the page opens: a new link's experiment comes first, then the run this browser
 * showed last, then the first preset. Also remembers the run on screen for the next reload.
 */
import { messageOf } from '../shared/base/errors.ts';
import type { EngineSnapshot } from '../shared/contracts/engine-protocol.ts';
import { openExperiment } from './draft-store.ts';
import type { RunActions } from './run-actions.ts';
import { claimRun } from './run-lock.ts';
import { showNotice, showToast, useRunStore } from './run-store.ts';
import { decodeShareHash } from './share-link.ts';
import { readStoredRun, type StoredRun, writeStoredRun } from './stored-run.ts';

/** Opens what the address or the last visit asks for. Call once. */
export async function startPage(actions: RunActions): Promise<void> {
  const stored = readStoredRun();
  const isLink = openLink();
  addEventListener('hashchange', openLink);
  try {
    await reopenRun(actions, stored, isLink);
  } finally {
    // Not before: on its way back a run is "preparing" and then "paused", and a reload in those
    // moments must still find that it was running.
    rememberRun();
  }
}

async function reopenRun(
  actions: RunActions,
  stored: StoredRun | null,
  isLink: boolean,
): Promise<void> {
  if (!stored) return;
  // A link that was there when the run was on screen is a reload, not a new wish.
  if (isLink && stored.hash !== location.hash) return;
  if (!(await claimRun(stored.runId))) {
    const text = 'The last run is open in another tab. Press Start for a new one';
    showToast({ level: 'info', text });
    return;
  }
  await actions.resumeStored(stored.runId, stored.wasRunning);
}

/** True when the address holds an experiment and it is in the draft now. */
function openLink(): boolean {
  try {
    const experiment = decodeShareHash(location.hash);
    if (!experiment) return false;
    openExperiment(experiment);
    return true;
  } catch (error) {
    showNotice({ level: 'warning', code: 'other', message: messageOf(error) });
    return false;
  }
}

function rememberRun(): void {
  let written = '';
  let lastRunId = '';
  const remember = ({ snapshot }: { snapshot: EngineSnapshot | null }): void => {
    if (!snapshot || snapshot.runId === '' || snapshot.status === 'idle') return;
    const { runId, status } = snapshot;
    // A run that is built again after a device loss is as it was before.
    if (status === 'preparing' && runId === lastRunId) return;
    lastRunId = runId;
    const wasRunning = status === 'running';
    const { hash } = location;
    const mark = `${runId} ${wasRunning} ${hash}`;
    if (mark === written) return;
    written = mark;
    void claimRun(runId);
    writeStoredRun({ runId, wasRunning, hash });
  };
  remember(useRunStore.getState());
  useRunStore.subscribe(remember);
}
