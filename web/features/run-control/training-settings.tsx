/** Optimizer, batch, steps and seed. */
import type { OptimizerSpec } from '../../../shared/contracts/experiment.ts';
import { editDraft, useDraftStore } from '../../draft-store.ts';
import { useRunActions } from '../../engine-context.tsx';
import { issueFor } from '../../experiment-issues.ts';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { NumberField, SelectField } from '../../ui/field.tsx';
import styles from './run-control.module.css';
import { MoreTrainingOptions } from './training-more.tsx';
import { chooseOptimizer } from './training-options.ts';

const OPTIMIZERS = [
  { value: 'sgd', label: 'SGD + momentum' },
  { value: 'adam', label: 'Adam' },
  { value: 'adamw', label: 'AdamW' },
] as const;

export function TrainingSettings() {
  const draft = useDraftStore((s) => s.draft);
  const issues = useDraftStore((s) => s.validation.issues);
  const { optimizer } = draft;
  const number = (key: 'steps' | 'batchSize' | 'seed', label: string) => (
    <NumberField
      label={label}
      value={draft[key]}
      issue={issueFor(issues, key)}
      onChange={(value) => editDraft((d) => ({ ...d, [key]: value }))}
    />
  );
  return (
    <fieldset className={styles['group']}>
      <legend>Training</legend>
      <div className={styles['pair']}>
        <SelectField<OptimizerSpec['kind']>
          label="Optimizer"
          value={optimizer.kind}
          options={OPTIMIZERS}
          onChange={(kind) =>
            editDraft((d) => ({ ...d, optimizer: chooseOptimizer(d.optimizer, kind) }))
          }
        />
        <NumberField
          label="Learning rate"
          value={optimizer.learningRate}
          issue={issueFor(issues, 'optimizer.learningRate')}
          onChange={(learningRate) =>
            editDraft((d) => ({ ...d, optimizer: { ...d.optimizer, learningRate } }))
          }
        />
      </div>
      <ApplyLearningRate />
      <div className={styles['pair']}>
        {number('steps', 'Steps')}
        {number('batchSize', 'Batch')}
      </div>
      {number('seed', 'Seed')}
      <MoreTrainingOptions />
    </fieldset>
  );
}

/** The learning rate is the one setting a live run can take over; the change is in its log. */
function ApplyLearningRate() {
  const actions = useRunActions();
  const wanted = useDraftStore((s) => s.draft.optimizer.learningRate);
  const current = useRunStore((s) => s.experiment?.optimizer.learningRate ?? null);
  const isLive = useRunStore((s) => ['running', 'paused'].includes(s.snapshot?.status ?? ''));
  if (!isLive || current === null || wanted === current || !(wanted > 0)) return null;
  return (
    <Button
      small
      onClick={() => void actions.command({ kind: 'setLearningRate', learningRate: wanted })}
    >
      Use {wanted} in this run from the next step
    </Button>
  );
}
