/** The settings of the chosen policy: the ones a person may want to turn. */
import type { PolicyKind, PolicySpec } from '../../../shared/contracts/policy.ts';
import { editDraft, useDraftStore } from '../../draft-store.ts';
import { issueFor } from '../../experiment-issues.ts';
import { CheckField, NumberField, TextValueField } from '../../ui/field.tsx';
import styles from './run-control.module.css';

interface NumberSetting {
  key: string;
  label: string;
}

/** Numbers of each policy by their keys in the experiment file. */
const NUMBERS: Partial<Record<PolicyKind, readonly NumberSetting[]>> = {
  random: [
    { key: 'germinateRate', label: 'Chance to plant at a look' },
    { key: 'cullRate', label: 'Chance to prune a seed' },
  ],
  gradmax: [{ key: 'rows', label: 'Rows measured' }],
  tiny: [
    { key: 'rows', label: 'Rows measured' },
    { key: 'sites', label: 'Places tried' },
    { key: 'minBenefit', label: 'Least gain, share' },
  ],
  probe: [
    { key: 'candidates', label: 'Candidates' },
    { key: 'firstSteps', label: 'Steps of the first round' },
    { key: 'everyLooks', label: 'Looks between trials' },
    { key: 'minBenefit', label: 'Least gain, share' },
  ],
  bandit: [
    { key: 'exploration', label: 'Exploration' },
    { key: 'rent', label: 'Rent of parameters' },
  ],
};

/** Numbers that all growing policies share. */
const SHARED: readonly NumberSetting[] = [
  { key: 'warmupSteps', label: 'No growth before step' },
  { key: 'growUntilShare', label: 'Growth until, share of steps' },
  { key: 'plateauPatience', label: 'Plateau: looks' },
  { key: 'plateauImprovement', label: 'Plateau: least progress' },
  { key: 'targetAccuracy', label: 'Target accuracy' },
  { key: 'fossilizeContribution', label: 'Contribution to stay' },
];

/** Leaves the key out at its default. */
function setOptimised(isOptimised: boolean): void {
  editDraft((draft) => {
    if (draft.policy.kind !== 'gradmax') return draft;
    const { variant: _, ...policy } = draft.policy;
    return { ...draft, policy: isOptimised ? { ...policy, variant: 'optimised' } : policy };
  });
}

export function PolicySettings() {
  const policy = useDraftStore((s) => s.draft.policy);
  const issues = useDraftStore((s) => s.validation.issues);
  if (!('settings' in policy)) return null;
  const { settings } = policy;
  const edit = (change: object) =>
    editDraft((d) => ({ ...d, policy: { ...d.policy, ...change } as PolicySpec }));
  const own = policy as unknown as Readonly<Record<string, number>>;
  const shared = settings as unknown as Readonly<Record<string, number>>;
  return (
    <details className={styles['more']}>
      <summary>Policy settings</summary>
      <div>
        {(NUMBERS[policy.kind] ?? []).map(({ key, label }) => (
          <NumberField
            key={key}
            label={label}
            value={own[key] as number}
            issue={issueFor(issues, `policy.${key}`)}
            onChange={(value) => edit({ [key]: value })}
          />
        ))}
        {policy.kind === 'gradmax' && (
          <CheckField
            label="Climb from random directions (GradMaxOpt)"
            checked={policy.variant === 'optimised'}
            onChange={setOptimised}
          />
        )}
        {policy.kind === 'bandit' && (
          <>
            <TextValueField<string>
              label="Name of its knowledge"
              value={policy.knowledge}
              format={(name) => name}
              parse={(text) => text.trim()}
              issue={issueFor(issues, 'policy.knowledge')}
              onChange={(knowledge) => edit({ knowledge })}
            />
            <CheckField
              label="Learns from this run"
              checked={policy.learn}
              onChange={(learn) => edit({ learn })}
            />
          </>
        )}
        {SHARED.map(({ key, label }) => (
          <NumberField
            key={key}
            label={label}
            value={shared[key] as number}
            issue={issueFor(issues, `policy.settings.${key}`)}
            onChange={(value) => edit({ settings: { ...settings, [key]: value } })}
          />
        ))}
      </div>
    </details>
  );
}
