/** Edits the experiment of the next run, and takes the current one along. */
import { useSyncExternalStore } from 'react';
import { EXPORT_FORMAT_SUMMARIES } from '../../../shared/contracts/export-format.ts';
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

const EXPORTS = [
  ['experiment', 'Experiment file', 'the settings, for esper train and for this page'],
  ['events', 'Event log', 'every decision, transition and measurement, a JSON line each'],
  ['safetensors', 'Weights', EXPORT_FORMAT_SUMMARIES.safetensors],
  ['onnx', 'ONNX', EXPORT_FORMAT_SUMMARIES.onnx],
  ['csv', 'Table', EXPORT_FORMAT_SUMMARIES.csv],
  ['tensorboard', 'TensorBoard', EXPORT_FORMAT_SUMMARIES.tensorboard],
  ['json', 'Whole run', EXPORT_FORMAT_SUMMARIES.json],
  ['capsule', 'Capsule', EXPORT_FORMAT_SUMMARIES.capsule],
] as const;

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
        {EXPORTS.map(([format, label, title]) => (
          <Button
            key={format}
            small
            title={title}
            disabled={!hasRun}
            onClick={() => void actions.exportRun(format)}
          >
            {label}
          </Button>
        ))}
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
