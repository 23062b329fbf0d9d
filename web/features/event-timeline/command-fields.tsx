/** One command of a fork: what, where and when. */
import type { LayerReport } from '../../../shared/contracts/engine-protocol.ts';
import { Button } from '../../ui/button.tsx';
import { NumberField, SelectField } from '../../ui/field.tsx';
import styles from './event-timeline.module.css';
import { COMMAND_LABELS, type CommandDraft, type CommandKind, inRoom } from './fork-draft.ts';

interface CommandFieldsProps {
  draft: CommandDraft;
  /** Position in the form, from 1. */
  number: number;
  layers: readonly LayerReport[];
  issue: string | null;
  onChange: (draft: CommandDraft) => void;
  /** Null: the last one stays. */
  onRemove: (() => void) | null;
}

const KINDS = Object.entries(COMMAND_LABELS).map(([value, label]) => ({
  value: value as CommandKind,
  label,
}));

export function CommandFields(props: CommandFieldsProps) {
  const { draft, number, layers, issue, onChange, onRemove } = props;
  const layer = layers.find(({ layerId }) => layerId === draft.layerId);
  const edit = (change: Partial<CommandDraft>) => onChange(inRoom({ ...draft, ...change }, layers));
  const slots = (layer?.slots ?? []).map((_, i) => ({ value: String(i), label: `Slot ${i}` }));
  const offers = (layer?.offers ?? []).map(({ blueprint }) => ({
    value: blueprint,
    label: blueprint,
  }));
  return (
    <fieldset className={styles['command']}>
      <legend>Command {number}</legend>
      <div className={styles['fields']}>
        <SelectField
          label="What"
          value={draft.kind}
          options={KINDS}
          onChange={(kind) => edit({ kind })}
        />
        <NumberField label="At step" value={draft.step} onChange={(step) => edit({ step })} />
        {draft.kind === 'setLearningRate' ? (
          <NumberField
            label="Learning rate"
            value={draft.learningRate}
            onChange={(learningRate) => edit({ learningRate })}
          />
        ) : (
          <>
            <SelectField
              label="Layer"
              value={draft.layerId}
              options={layers.map(({ layerId }) => ({ value: layerId, label: layerId }))}
              onChange={(layerId) => edit({ layerId })}
            />
            {slots.length > 1 && (
              <SelectField
                label="Slot"
                value={String(draft.slot)}
                options={slots}
                onChange={(slot) => edit({ slot: Number(slot) })}
              />
            )}
          </>
        )}
        {draft.kind === 'germinate' && offers.length > 0 && (
          <SelectField
            label="Blueprint"
            value={draft.blueprint}
            options={offers}
            onChange={(blueprint) => edit({ blueprint })}
          />
        )}
        {draft.kind === 'setAlpha' && (
          <NumberField label="Alpha" value={draft.alpha} onChange={(alpha) => edit({ alpha })} />
        )}
      </div>
      {issue !== null && <p className={styles['fault']}>{issue}</p>}
      {onRemove && (
        <Button small look="quiet" aria-label={`Remove command ${number}`} onClick={onRemove}>
          Remove
        </Button>
      )}
    </fieldset>
  );
}
