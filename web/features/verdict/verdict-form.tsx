/** What to judge, against which controls, and the buttons that start and stop it. */
import { useState } from 'react';
import { type ArmName, SuiteName } from '../../../shared/contracts/verdict.ts';
import { useDraftStore } from '../../draft-store.ts';
import { Button } from '../../ui/button.tsx';
import { NumberField, SelectField } from '../../ui/field.tsx';
import {
  openReport,
  startSuite,
  startVerdict,
  stopVerdict,
  useVerdictStore,
} from '../../verdict-store.ts';
import styles from './verdict.module.css';

const SUBJECTS = [
  { value: 'settings', label: 'The settings of this page' },
  { value: 'planted-effect', label: 'Self-test: an effect that is there' },
  { value: 'planted-null', label: 'Self-test: an effect that is not' },
  { value: 'p1', label: 'Published: GradMax student-teacher' },
  { value: 'p3', label: 'Published: a linear model grows a convolution' },
  { value: 'p6', label: 'Published: two spirals by cascades' },
] as const;
type Subject = (typeof SUBJECTS)[number]['value'];

const DEPTHS = [
  { value: 'quick', label: 'The host that stays small' },
  { value: 'fair', label: 'Also a fixed network of the same compute' },
  { value: 'all', label: 'All six controls' },
] as const;
type Depth = (typeof DEPTHS)[number]['value'];

/** Arms of each depth, and the fewest seeds that can decide as many comparisons at 5 %. */
const PLANS: Readonly<Record<Depth, { arms: ArmName[]; least: number }>> = {
  quick: { arms: ['static-small'], least: 6 },
  fair: { arms: ['static-small', 'static-equal-compute'], least: 7 },
  all: {
    arms: [
      ...(['static-small', 'static-equal-size', 'static-equal-compute'] as const),
      ...(['random', 'uniform', 'replay'] as const),
    ],
    least: 8,
  },
};

export function VerdictForm() {
  const status = useVerdictStore((s) => s.status);
  const { draft, files, validation } = useDraftStore();
  const [subject, setSubject] = useState<Subject>('settings');
  const [depth, setDepth] = useState<Depth>('quick');
  const [seeds, setSeeds] = useState(6);
  const suite = SuiteName.safeParse(subject).data ?? null;
  const { arms } = PLANS[depth];
  const least = suite === null ? PLANS[depth].least : 1;
  const isWhole = Number.isInteger(seeds) && seeds <= 200;
  const issue =
    isWhole && seeds >= least
      ? null
      : suite === null
        ? `From ${least} to 200: fewer can show nothing`
        : 'From 1 to 200';
  const isDraftBad = subject === 'settings' && validation.experiment === null;
  const start = (): void => {
    if (suite !== null) {
      startSuite(suite, seeds);
      return;
    }
    startVerdict({
      what: subject === 'settings' ? { experiment: draft } : { shipped: subject },
      ...{ seeds, arms, files: subject === 'settings' ? files : [] },
    });
  };
  return (
    <div className={styles['form']}>
      <SelectField label="What to judge" value={subject} options={SUBJECTS} onChange={setSubject} />
      {suite === null && (
        <SelectField
          label="Against"
          value={depth}
          options={DEPTHS}
          onChange={(value) => {
            setDepth(value);
            setSeeds((now) => Math.max(now, PLANS[value].least));
          }}
        />
      )}
      <NumberField label="Seeds" value={seeds} issue={issue} onChange={setSeeds} />
      {status === 'idle' ? (
        <Button look="primary" disabled={issue !== null || isDraftBad} onClick={start}>
          {suite === null ? 'Run the verdict' : 'Run the experiment'}
        </Button>
      ) : (
        <Button disabled={status === 'stopping'} onClick={stopVerdict}>
          {status === 'stopping' ? 'Stopping…' : 'Stop and judge what is done'}
        </Button>
      )}
      <label className={styles['open']}>
        Open a report.json
        <input
          type="file"
          accept=".json,application/json"
          disabled={status !== 'idle'}
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) void openReport(file);
            event.target.value = '';
          }}
        />
      </label>
    </div>
  );
}
