/** Preset and data source, with the two or three numbers that shape each. */
import type { DataSpec } from '../../../shared/contracts/experiment.ts';
import { editDraft, missingFiles, openPreset, useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import { presetList } from '../../presets.ts';
import { NumberField, SelectField, TextValueField } from '../../ui/field.tsx';
import { DataDrop } from './data-drop.tsx';
import styles from './run-control.module.css';

export function DataSettings() {
  const origin = useDraftStore((s) => s.origin);
  const data = useDraftStore((s) => s.draft.data);
  const options = presetList.map(({ key, label }) => ({ value: key, label }));
  if (origin === 'custom') options.unshift({ value: 'custom', label: `Own: ${data.source}` });
  return (
    <fieldset className={styles['group']}>
      <legend>Data</legend>
      <SelectField
        label="Preset"
        value={origin}
        options={options}
        onChange={(key) => {
          if (key !== 'custom') openPreset(key);
        }}
      />
      <SourceSettings data={data} />
      <DataDrop />
      <Missing />
    </fieldset>
  );
}

/** Edits the data source; the spread keeps the other keys of the same source. */
function editData(change: Record<string, unknown>): void {
  editDraft((draft) => ({ ...draft, data: { ...draft.data, ...change } as DataSpec }));
}

function SourceSettings({ data }: { data: DataSpec }) {
  const issues = useDraftStore((s) => s.validation.issues);
  const number = (key: string, label: string, value: number) => (
    <NumberField
      label={label}
      value={value}
      issue={issueFor(issues, `data.${key}`)}
      onChange={(next) => editData({ [key]: next })}
    />
  );
  switch (data.source) {
    case 'two-spirals':
      return (
        <div className={data.variant === 'noisy' ? styles['pair'] : undefined}>
          <SelectField
            label="Variant"
            value={data.variant}
            options={[
              { value: 'benchmark', label: 'Benchmark, 194 points' },
              { value: 'noisy', label: 'Noisy' },
            ]}
            onChange={(variant) => editData({ variant })}
          />
          {data.variant === 'noisy' && number('noise', 'Noise', data.noise)}
        </div>
      );
    case 'csv':
      return <TableSettings data={data} />;
    case 'idx':
    case 'npy':
    case 'npz':
      return null;
    default:
      return (
        <div className={styles['pair']}>
          {number('samples', 'Samples', data.samples)}
          {data.source === 'blobs'
            ? number('classes', 'Classes', data.classes)
            : data.source === 'sentences'
              ? number('depth', 'Depth', data.depth)
              : number('noise', 'Noise', data.noise)}
        </div>
      );
  }
}

/** A column is an index when it is written as a whole number, else a name. */
const parseColumn = (text: string): string | number =>
  /^\s*-?\d+\s*$/.test(text) ? Number(text) : text;

function TableSettings({ data }: { data: Extract<DataSpec, { source: 'csv' }> }) {
  const issues = useDraftStore((s) => s.validation.issues);
  return (
    <>
      <div className={styles['pair']}>
        <TextValueField<string | number>
          label="Label column"
          hint="Name, or index from 0; -1 is the last"
          value={data.label}
          format={String}
          parse={parseColumn}
          issue={issueFor(issues, 'data.label')}
          onChange={(label) => editData({ label })}
        />
        <SelectField
          label="First line"
          value={String(data.header) as 'auto' | 'true' | 'false'}
          options={[
            { value: 'auto', label: 'Detect' },
            { value: 'true', label: 'Column names' },
            { value: 'false', label: 'Data' },
          ]}
          onChange={(header) =>
            editData({ header: header === 'auto' ? 'auto' : header === 'true' })
          }
        />
      </div>
      <NumberField
        label="Share held out for testing"
        value={data.testFraction ?? 0.2}
        issue={issueFor(issues, 'data.testFraction')}
        onChange={(testFraction) => editData({ testFraction })}
      />
    </>
  );
}

function Missing() {
  const draft = useDraftStore((s) => s.draft);
  const files = useDraftStore((s) => s.files);
  const missing = missingFiles({ draft, files });
  if (missing.length === 0) return null;
  return (
    <p className={styles['missing']}>This experiment reads {missing.join(', ')}: drop it above.</p>
  );
}
