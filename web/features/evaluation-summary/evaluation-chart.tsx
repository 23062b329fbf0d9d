/** Accuracy by evaluation; a summary of at most 300 points, so Recharts may draw it. */
import { memo } from 'react';
import {
  CartesianGrid,
  Legend,
  Line,
  LineChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';
import type { Evaluation } from '../../run-store.ts';

const MAX_POINTS = 300;

interface Row {
  step: number;
  train?: number;
  validation?: number;
  test?: number;
}

/** One row a step; beyond 300 rows every n-th, always with the last. */
export function evaluationRows(evaluations: readonly Evaluation[]): Row[] {
  const rows = new Map<number, Row>();
  for (const { step, split, accuracy } of evaluations) {
    const row = rows.get(step) ?? { step };
    if (accuracy !== null) row[split] = accuracy;
    rows.set(step, row);
  }
  const all = [...rows.values()].sort((a, b) => a.step - b.step);
  const stride = Math.ceil(all.length / MAX_POINTS);
  return stride <= 1 ? all : all.filter((_, i) => (all.length - 1 - i) % stride === 0);
}

const percent = (value: unknown): string =>
  typeof value === 'number' ? `${(value * 100).toFixed(1)} %` : 'unmeasured';

const AXIS = { stroke: 'var(--line)', tick: { fill: 'var(--muted)', fontSize: 11 } };

function EvaluationChart({ evaluations }: { evaluations: readonly Evaluation[] }) {
  const line = (key: keyof Row, name: string, color: string, dash?: string) => (
    <Line
      type="linear"
      dataKey={key}
      name={name}
      stroke={color}
      strokeWidth={1.8}
      strokeDasharray={dash ?? '0'}
      dot={false}
      isAnimationActive={false}
      connectNulls
    />
  );
  return (
    <ResponsiveContainer width="100%" height={240}>
      <LineChart
        data={evaluationRows(evaluations)}
        margin={{ top: 8, right: 12, bottom: 0, left: -8 }}
        aria-label="Accuracy at each evaluation"
      >
        <CartesianGrid stroke="var(--line-soft)" />
        <XAxis dataKey="step" type="number" domain={[0, 'dataMax']} {...AXIS} />
        <YAxis
          domain={[0, 1]}
          tickFormatter={(v: number) => `${Math.round(v * 100)} %`}
          {...AXIS}
        />
        <Tooltip
          formatter={percent}
          labelFormatter={(step) => `Step ${String(step)}`}
          contentStyle={{
            background: 'var(--panel)',
            border: '1px solid var(--line)',
            borderRadius: 5,
          }}
        />
        <Legend iconType="plainline" wrapperStyle={{ fontSize: 12 }} />
        {line('train', 'Training', 'var(--accent)')}
        {evaluations.some((e) => e.split === 'validation') &&
          line('validation', 'Validation', 'var(--muted)', '2 3')}
        {line('test', 'Test', 'var(--second)', '6 3')}
      </LineChart>
    </ResponsiveContainer>
  );
}

export default memo(EvaluationChart);
