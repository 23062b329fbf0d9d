/** Who decides on growth, and what seeds may become. */
import {
  Experiment,
  type GrowthSpec,
  type PolicySpec,
} from '../../../shared/contracts/experiment.ts';
import { AlphaCurve, BlendMode } from '../../../shared/contracts/seed.ts';
import { editDraft, useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import { CheckField, NumberField, SelectField, TextValueField } from '../../ui/field.tsx';
import { PolicySettings } from './policy-settings.tsx';
import styles from './run-control.module.css';

const POLICIES = [
  { value: 'heuristic', label: 'Heuristic: acts on its own' },
  { value: 'gradmax', label: 'GradMax: largest gradient' },
  { value: 'tiny', label: 'TINY: widest bottleneck' },
  { value: 'probe', label: 'Probe: tries before it plants' },
  { value: 'bandit', label: 'Bandit: learns from run to run' },
  { value: 'random', label: 'Random: by chance' },
  { value: 'uniform', label: 'Uniform: evenly spaced' },
  { value: 'manual', label: 'Manual: you decide' },
  { value: 'none', label: 'None: the host alone' },
] as const;

const LANDSCAPES = [
  { value: 'show', label: 'Measure and show' },
  { value: 'gate', label: 'Refuse grafts that do no good' },
  { value: 'off', label: 'Off' },
] as const;

/** Only offered to a draft that came with one: a list of steps is written in a file. */
const SCHEDULE = { value: 'schedule', label: 'Schedule: the list in the file' } as const;

const BLENDS: Record<BlendMode, string> = {
  add: 'Add',
  replace: 'Replace',
  multiply: 'Multiply',
  gate: 'Gate',
};

const CURVES: Record<AlphaCurve, string> = {
  linear: 'Linear',
  cosine: 'Cosine',
  sigmoid: 'Sigmoid',
  'performance-linked': 'Slows while the loss rises',
  'drift-controlled': 'Waits while outputs drift',
  'gradient-gated': 'Waits while gradients jump',
};

const formatNames = (names: readonly string[] | undefined): string => (names ?? []).join(', ');
const parseNames = (text: string): string[] | undefined => {
  const names = text.split(/[\s,;]+/).filter((name) => name !== '');
  return names.length > 0 ? names : undefined;
};

function editGrowth(change: Partial<GrowthSpec>): void {
  editDraft((draft) => ({ ...draft, growth: { ...draft.growth, ...change } }));
}

/** An empty list means every blueprint; the contract wants the key absent then. */
function setBlueprints(names: string[] | undefined): void {
  editDraft((draft) => {
    const { blueprints: _, ...growth } = draft.growth;
    return { ...draft, growth: names ? { ...growth, blueprints: names } : growth };
  });
}

/** Off is the key's absence, so that an experiment without it keeps its identity. */
function setFold(isOn: boolean): void {
  editDraft((draft) => {
    const { fold: _, ...growth } = draft.growth;
    return { ...draft, growth: isOn ? { ...growth, fold: 'auto' } : growth };
  });
}

/** Leaves the key out at its default, as the file's author would. */
function setForgeLead(forgeLead: number): void {
  editDraft((draft) => {
    const { forgeLead: _, ...growth } = draft.growth;
    return { ...draft, growth: forgeLead === 0 ? growth : { ...growth, forgeLead } };
  });
}

export function GrowthSettings() {
  const growth = useDraftStore((s) => s.draft.growth);
  const policy = useDraftStore((s) => s.draft.policy);
  const issues = useDraftStore((s) => s.validation.issues);
  const number = (
    key:
      | 'slotsPerLayer'
      | 'maxSeeds'
      | 'trainingSteps'
      | 'alphaSteps'
      | 'holdingSteps'
      | 'maxConcurrent',
    label: string,
  ) => (
    <NumberField
      label={label}
      value={growth[key]}
      issue={issueFor(issues, `growth.${key}`)}
      onChange={(value) => editGrowth({ [key]: value })}
    />
  );
  return (
    <fieldset className={styles['group']}>
      <legend>Growth</legend>
      <CheckField
        label="Layers carry seed slots"
        checked={growth.enabled}
        onChange={(enabled) => editGrowth({ enabled })}
      />
      {growth.enabled && (
        <>
          <SelectField<PolicySpec['kind']>
            label="Policy"
            value={policy.kind}
            options={policy.kind === 'schedule' ? [...POLICIES, SCHEDULE] : POLICIES}
            onChange={(kind) =>
              editDraft((d) => ({
                ...d,
                policy: Experiment.shape.policy.parse({ kind }),
                // Seeds that read what their layer reads have no bottleneck to widen.
                growth: kind === 'tiny' ? { ...d.growth, reach: 'span' } : d.growth,
              }))
            }
          />
          <PolicySettings />
          <div className={styles['pair']}>
            <SelectField
              label="Blend mode"
              value={growth.blendMode}
              options={BlendMode.options.map((value) => ({ value, label: BLENDS[value] }))}
              onChange={(blendMode) => editGrowth({ blendMode })}
            />
            {number('maxSeeds', 'Seeds at most')}
          </div>
          <SelectField
            label="Alpha landscape at a graft"
            value={growth.alphaLandscape ?? 'show'}
            options={LANDSCAPES}
            onChange={(alphaLandscape) => editGrowth({ alphaLandscape })}
          />
          <TextValueField<string[] | undefined>
            label="Blueprints, in order of preference"
            hint="Empty: all that fit the layer"
            value={growth.blueprints}
            format={formatNames}
            parse={parseNames}
            issue={issueFor(issues, 'growth.blueprints')}
            onChange={setBlueprints}
          />
          <details className={styles['more']}>
            <summary>Stage lengths and slots</summary>
            <div>
              <div className={styles['pair']}>
                {number('trainingSteps', 'Training steps')}
                {number('alphaSteps', 'Blending steps')}
              </div>
              <NumberField
                label="Looks for compiling, beyond the next"
                value={growth.forgeLead ?? 0}
                issue={issueFor(issues, 'growth.forgeLead')}
                onChange={setForgeLead}
              />
              <div className={styles['pair']}>
                {number('holdingSteps', 'Holding steps')}
                <SelectField
                  label="Alpha curve"
                  value={growth.alphaCurve}
                  options={AlphaCurve.options.map((value) => ({ value, label: CURVES[value] }))}
                  onChange={(alphaCurve) => editGrowth({ alphaCurve })}
                />
              </div>
              <CheckField
                label="Fold committed seeds into their layers"
                checked={growth.fold === 'auto'}
                onChange={setFold}
              />
              <div className={styles['pair']}>
                {number('slotsPerLayer', 'Slots per layer')}
                {number('maxConcurrent', 'Live at once')}
              </div>
            </div>
          </details>
        </>
      )}
    </fieldset>
  );
}
