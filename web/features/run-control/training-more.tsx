/** The training options behind "More options": loss, optimizer and schedule in full. */
import type { Experiment, Numerics, OptimizerSpec } from '../../../shared/contracts/experiment.ts';
import { editDraft, useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import { useRunStore } from '../../run-store.ts';
import { CheckField, NumberField, SelectField, TextValueField } from '../../ui/field.tsx';
import { MoreOptions } from './more-options.tsx';
import styles from './run-control.module.css';
import {
  changedOptions,
  chooseLoss,
  chooseSchedule,
  type LossChoice,
  lossChoice,
  offersHalf,
  withOptional,
} from './training-options.ts';

const FIELDS = ['loss', 'labelSmoothing', 'microBatches', 'numerics', 'optimizer', 'schedule'];

export function MoreTrainingOptions() {
  const draft = useDraftStore((s) => s.draft);
  return (
    <MoreOptions summary="More options" changed={changedOptions(draft)} fields={FIELDS}>
      <LossOptions />
      <OptimizerOptions />
      <ScheduleOptions />
      <NumericsOption />
    </MoreOptions>
  );
}

const NUMERICS = [
  { value: 'f32', label: '32-bit (f32)' },
  { value: 'f16-multiply', label: '16-bit products (f16-multiply)' },
] as const;

function NumericsOption() {
  const numerics = useDraftStore((s) => s.draft.numerics ?? 'f32');
  const offered = useRunStore((s) => offersHalf(s.adapter));
  const issue = useIssue();
  const hint =
    offered === false
      ? 'This adapter has no 16-bit arithmetic (shader-f16): a run with 16-bit products is refused'
      : 'With 16 bits, numbers are rounded before they are multiplied; sums, weights and gradients stay 32-bit. Other bits, about the same accuracy';
  return (
    <SelectField<Numerics>
      label="Arithmetic of products"
      hint={hint}
      value={numerics}
      options={NUMERICS}
      issue={issue('numerics')}
      onChange={(v) => editDraft((d) => withOptional(d, 'numerics', v, 'f32'))}
    />
  );
}

/** The message under a field of the experiment. */
function useIssue(): (field: string) => string | null {
  const issues = useDraftStore((s) => s.validation.issues);
  return (field) => issueFor(issues, field);
}

const LOSSES: readonly { value: LossChoice; label: string }[] = [
  { value: 'cross-entropy', label: 'Cross-entropy' },
  { value: 'mse', label: 'Mean squared error' },
  { value: 'mixed', label: 'Weighted sum of both' },
];

function LossOptions() {
  const { labelSmoothing = 0, loss, microBatches = 1 } = useDraftStore((s) => s.draft);
  const issue = useIssue();
  return (
    <fieldset className={styles['subgroup']}>
      <legend>Loss and batch</legend>
      <SelectField<LossChoice>
        label="Loss"
        value={lossChoice(loss)}
        options={LOSSES}
        onChange={(choice) => editDraft((d) => chooseLoss(d, choice))}
      />
      {typeof loss !== 'string' && (
        <div className={styles['pair']}>
          {(['crossEntropy', 'mse'] as const).map((key) => (
            <NumberField
              key={key}
              label={key === 'mse' ? 'Weight of squared error' : 'Weight of cross-entropy'}
              value={loss[key]}
              issue={issue(`loss.${key}`)}
              onChange={(value) => editDraft((d) => ({ ...d, loss: { ...loss, [key]: value } }))}
            />
          ))}
        </div>
      )}
      {loss !== 'mse' && (
        <NumberField
          label="Label smoothing"
          hint="Share of the target that all classes have equally, from 0 to below 1"
          value={labelSmoothing}
          issue={issue('labelSmoothing')}
          onChange={(v) => editDraft((d) => withOptional(d, 'labelSmoothing', v, 0))}
        />
      )}
      <NumberField
        label="Micro-batches"
        hint="Equal parts of a batch, one after the other: less memory, the same update"
        value={microBatches}
        issue={issue('microBatches')}
        onChange={(v) => editDraft((d) => withOptional(d, 'microBatches', v, 1))}
      />
    </fieldset>
  );
}

function editOptimizer(edit: (optimizer: OptimizerSpec) => OptimizerSpec): void {
  editDraft((d) => ({ ...d, optimizer: edit(d.optimizer) }));
}

const DECAY_RULES = [
  { value: 'all', label: 'Everything' },
  { value: 'weights', label: 'Weights' },
] as const;

/** An empty field is no limit. */
const formatLimit = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '' : String(value);
const parseLimit = (text: string): number | undefined =>
  text.trim() === '' ? undefined : Number(text);

function OptimizerOptions() {
  const optimizer = useDraftStore((s) => s.draft.optimizer);
  const issue = useIssue();
  return (
    <fieldset className={styles['subgroup']}>
      <legend>Optimizer</legend>
      {optimizer.kind === 'sgd' ? (
        <>
          <NumberField
            label="Momentum"
            value={optimizer.momentum}
            issue={issue('optimizer.momentum')}
            onChange={(momentum) => editOptimizer((o) => ({ ...o, momentum }) as OptimizerSpec)}
          />
          <CheckField
            label="Nesterov: look ahead along the momentum"
            checked={optimizer.nesterov ?? false}
            onChange={(v) =>
              editOptimizer((o) => (o.kind === 'sgd' ? withOptional(o, 'nesterov', v, false) : o))
            }
          />
        </>
      ) : (
        <div className={styles['pair']}>
          {(['beta1', 'beta2'] as const).map((key) => (
            <NumberField
              key={key}
              label={key === 'beta1' ? 'Beta 1' : 'Beta 2'}
              value={optimizer[key]}
              issue={issue(`optimizer.${key}`)}
              onChange={(v) => editOptimizer((o) => ({ ...o, [key]: v }) as OptimizerSpec)}
            />
          ))}
        </div>
      )}
      <div className={styles['pair']}>
        <NumberField
          label="Weight decay"
          value={optimizer.weightDecay}
          issue={issue('optimizer.weightDecay')}
          onChange={(weightDecay) => editOptimizer((o) => ({ ...o, weightDecay }))}
        />
        <SelectField
          label="Decay pulls on"
          value={optimizer.weightDecayRule ?? 'all'}
          options={DECAY_RULES}
          onChange={(rule) => editOptimizer((o) => withOptional(o, 'weightDecayRule', rule, 'all'))}
        />
      </div>
      <TextValueField<number | undefined>
        label="Largest gradient norm"
        hint="Longer gradients are scaled down to it; empty: none is"
        value={optimizer.clipNorm}
        format={formatLimit}
        parse={parseLimit}
        inputMode="decimal"
        issue={issue('optimizer.clipNorm')}
        onChange={(v) => editOptimizer((o) => withOptional(o, 'clipNorm', v, undefined))}
      />
    </fieldset>
  );
}

type Schedule = Experiment['schedule'];

const SCHEDULES: readonly { value: Schedule['kind']; label: string }[] = [
  { value: 'constant', label: 'Constant' },
  { value: 'cosine', label: 'Cosine' },
  { value: 'linear', label: 'Linear' },
  { value: 'step', label: 'In steps' },
];

function editSchedule(edit: (schedule: Schedule) => Schedule): void {
  editDraft((d) => ({ ...d, schedule: edit(d.schedule) }));
}

function ScheduleOptions() {
  const schedule = useDraftStore((s) => s.draft.schedule);
  const issue = useIssue();
  return (
    <fieldset className={styles['subgroup']}>
      <legend>Learning rate over time</legend>
      <div className={styles['pair']}>
        <SelectField
          label="Schedule"
          value={schedule.kind}
          options={SCHEDULES}
          onChange={(kind) => editSchedule((s) => chooseSchedule(s, kind))}
        />
        <NumberField
          label="Warm-up steps"
          value={schedule.warmupSteps}
          issue={issue('schedule.warmupSteps')}
          onChange={(warmupSteps) => editSchedule((s) => ({ ...s, warmupSteps }))}
        />
      </div>
      {(schedule.kind === 'cosine' || schedule.kind === 'linear') && (
        <NumberField
          label="Share left at the last step"
          value={schedule.finalShare}
          issue={issue('schedule.finalShare')}
          onChange={(finalShare) => editSchedule((s) => ({ ...s, finalShare }))}
        />
      )}
      {schedule.kind === 'step' && (
        <div className={styles['pair']}>
          <NumberField
            label="Steps between falls"
            value={schedule.decaySteps ?? 1000}
            issue={issue('schedule.decaySteps')}
            onChange={(v) => editSchedule((s) => withOptional(s, 'decaySteps', v, 1000))}
          />
          <NumberField
            label="Factor of each fall"
            value={schedule.decayFactor ?? 0.1}
            issue={issue('schedule.decayFactor')}
            onChange={(v) => editSchedule((s) => withOptional(s, 'decayFactor', v, 0.1))}
          />
        </div>
      )}
    </fieldset>
  );
}
