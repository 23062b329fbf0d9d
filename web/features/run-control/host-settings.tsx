/** The network the run starts from. */
import { Activation, Experiment, type HostSpec } from '../../../shared/contracts/experiment.ts';
import { editDraft, useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import { SelectField, TextValueField } from '../../ui/field.tsx';
import styles from './run-control.module.css';

const formatList = (values: readonly number[]): string =>
  values.map((value) => (Number.isNaN(value) ? '?' : String(value))).join(', ');
const parseList = (text: string): number[] =>
  text
    .split(/[\s,;]+/)
    .filter((part) => part !== '')
    .map(Number);

function editHost(host: HostSpec): void {
  editDraft((draft) => ({ ...draft, host }));
}

export function HostSettings() {
  const host = useDraftStore((s) => s.draft.host);
  const issues = useDraftStore((s) => s.validation.issues);
  const widths = (key: 'hidden' | 'channels', label: string, value: readonly number[]) => (
    <TextValueField
      label={label}
      value={value}
      format={formatList}
      parse={parseList}
      issue={issueFor(issues, `host.${key}`)}
      onChange={(next) => editHost({ ...host, [key]: next } as HostSpec)}
    />
  );
  return (
    <fieldset className={styles['group']}>
      <legend>Host network</legend>
      <div className={styles['pair']}>
        <SelectField
          label="Kind"
          value={host.kind}
          options={[
            { value: 'mlp', label: 'MLP' },
            { value: 'cnn', label: 'CNN' },
          ]}
          onChange={(kind) => editHost(Experiment.shape.host.parse({ kind }))}
        />
        <SelectField
          label="Activation"
          value={host.activation}
          options={Activation.options.map((value) => ({ value, label: value }))}
          onChange={(activation) => editHost({ ...host, activation })}
        />
      </div>
      {host.kind === 'cnn' && widths('channels', 'Channels of each block', host.channels)}
      {widths('hidden', 'Hidden widths', host.hidden)}
    </fieldset>
  );
}
