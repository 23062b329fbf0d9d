/** The network the run starts from. */
import { Activation, Experiment, type HostSpec } from '../../../shared/contracts/experiment.ts';
import { editDraft, useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import { NumberField, SelectField, TextValueField } from '../../ui/field.tsx';
import { layerLines } from './layer-text.ts';
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

const KINDS: readonly { value: HostSpec['kind']; label: string }[] = [
  { value: 'mlp', label: 'MLP' },
  { value: 'cnn', label: 'CNN' },
  { value: 'lenet', label: 'LeNet' },
  { value: 'vgg', label: 'VGG' },
  { value: 'resnet', label: 'ResNet' },
  { value: 'gpt', label: 'GPT' },
];

/** Only offered to a draft that came with one: a list of layers is written in a file. */
const LAYERS = { value: 'layers', label: 'Layers of the file' } as const;

type HostOf<K extends HostSpec['kind']> = Extract<HostSpec, { kind: K }>;

const DEPTHS: readonly { value: `${HostOf<'resnet'>['depth']}`; label: string }[] = [
  { value: '8', label: '8' },
  { value: '14', label: '14' },
  { value: '20', label: '20' },
  { value: '32', label: '32' },
  { value: '18', label: '18, wide' },
];

function ResnetSettings({ host }: { host: HostOf<'resnet'> }) {
  const issues = useDraftStore((s) => s.validation.issues);
  return (
    <div className={styles['pair']}>
      <SelectField
        label="Depth"
        value={`${host.depth}`}
        options={DEPTHS}
        onChange={(depth) => editHost({ ...host, depth: Number(depth) as typeof host.depth })}
      />
      <NumberField
        label="Channels at first"
        value={host.width ?? (host.depth === 18 ? 64 : 16)}
        issue={issueFor(issues, 'host.width')}
        onChange={(width) => editHost({ ...host, width })}
      />
    </div>
  );
}

const TARGETS = [
  { value: 'last', label: 'The last place' },
  { value: 'every', label: 'Every place' },
] as const;

function GptSettings({ host }: { host: HostOf<'gpt'> }) {
  const issues = useDraftStore((s) => s.validation.issues);
  const number = (key: 'depth' | 'heads' | 'channels', label: string) => (
    <NumberField
      label={label}
      value={host[key]}
      issue={issueFor(issues, `host.${key}`)}
      onChange={(value) => editHost({ ...host, [key]: value })}
    />
  );
  return (
    <>
      <div className={styles['pair']}>
        {number('depth', 'Blocks')}
        {number('heads', 'Heads')}
      </div>
      <div className={styles['pair']}>
        {number('channels', 'Channels')}
        <SelectField
          label="Learns the next at"
          value={host.targets ?? 'last'}
          options={TARGETS}
          onChange={(targets) => {
            const { targets: _, ...rest } = host;
            // The last is the key's absence, so that the experiment keeps its identity.
            editHost(targets === 'last' ? rest : { ...rest, targets });
          }}
        />
      </div>
    </>
  );
}

function LayerList({ host }: { host: HostOf<'layers'> }) {
  const issues = useDraftStore((s) => s.validation.issues);
  const issue = issueFor(issues, 'host.layers');
  return (
    <details className={styles['more']} open={issue !== null}>
      <summary>{host.layers.length} layers</summary>
      <ol className={styles['layers']} aria-label="Layers of the host">
        {layerLines(host.layers).map(({ depth, text }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list only changes as a whole
          <li key={i} style={{ paddingInlineStart: `${depth * 12}px` }}>
            {text}
          </li>
        ))}
      </ol>
      {issue !== null && <p className={styles['missing']}>{issue}</p>}
    </details>
  );
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
          options={host.kind === 'layers' ? [...KINDS, LAYERS] : KINDS}
          issue={issueFor(issues, 'host.kind')}
          onChange={(kind) => editHost(Experiment.shape.host.parse({ kind }))}
        />
        {host.kind !== 'layers' && (
          <SelectField
            label="Activation"
            value={host.activation}
            options={Activation.options.map((value) => ({ value, label: value }))}
            onChange={(activation) => editHost({ ...host, activation })}
          />
        )}
      </div>
      {host.kind === 'cnn' && widths('channels', 'Channels of each block', host.channels)}
      {host.kind === 'lenet' && widths('channels', 'Channels of the convolutions', host.channels)}
      {host.kind === 'vgg' && (
        <TextValueField
          label="Channels of each block"
          hint="Blocks apart by a slash: 8 / 16, 16"
          value={host.blocks}
          format={(blocks) => blocks.map(formatList).join(' / ')}
          parse={(text) => text.split('/').map(parseList)}
          issue={issueFor(issues, 'host.blocks')}
          onChange={(blocks) => editHost({ ...host, blocks })}
        />
      )}
      {host.kind === 'resnet' && <ResnetSettings host={host} />}
      {host.kind === 'gpt' && <GptSettings host={host} />}
      {host.kind === 'layers' && <LayerList host={host} />}
      {'hidden' in host && widths('hidden', 'Hidden widths', host.hidden)}
    </fieldset>
  );
}
