/** Edits the experiment of the next run, and takes the current one along. */
import { useSyncExternalStore } from 'react';
import { differsFrom, useDraftStore } from '../../draft-store.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { Panel } from '../../ui/panel.tsx';
import { DataSettings } from './data-settings.tsx';
import { GrowthSettings } from './growth-settings.tsx';
import { HostSettings } from './host-settings.tsx';
import styles from './run-control.module.css';
import { TrainingSettings } from './training-settings.tsx';

export function Settings() {
  const isWide = useIsWide();
  return (
    <Panel title="Settings" note={<DraftNote />}>
      <details className={styles['mobile']} open={isWide}>
        <summary>Data, network, training, growth</summary>
        <form className={styles['settings']} onSubmit={(event) => event.preventDefault()}>
          <DataSettings />
          <HostSettings />
          <TrainingSettings />
          <GrowthSettings />
          <Exports />
        </form>
      </details>
    </Panel>
  );
}

function DraftNote() {
  const validation = useDraftStore((s) => s.validation);
  const experiment = useRunStore((s) => s.experiment);
  const faults = validation.issues.size;
  if (faults > 0) return faults === 1 ? '1 setting to correct' : `${faults} settings to correct`;
  return differsFrom(validation, experiment) ? 'Settings changed' : undefined;
}

function Exports() {
  const actions = useRunActions();
  const hasRun = useRunStore((s) => (s.snapshot?.runId ?? '') !== '');
  return (
    <fieldset className={styles['group']}>
      <legend>Take it with you</legend>
      <div className={styles['foot']}>
        <Button small onClick={() => void actions.share()}>
          Copy link
        </Button>
        <Button small disabled={!hasRun} onClick={() => void actions.exportRun('experiment')}>
          Experiment file
        </Button>
        <Button small disabled={!hasRun} onClick={() => void actions.exportRun('events')}>
          Event log
        </Button>
        <Button small disabled={!hasRun} onClick={() => void actions.exportRun('safetensors')}>
          Weights
        </Button>
      </div>
    </fieldset>
  );
}

const wideQuery = (): MediaQueryList => matchMedia('(min-width: 901px)');

function useIsWide(): boolean {
  return useSyncExternalStore(
    (notify) => {
      const query = wideQuery();
      query.addEventListener('change', notify);
      return () => query.removeEventListener('change', notify);
    },
    () => wideQuery().matches,
  );
}
