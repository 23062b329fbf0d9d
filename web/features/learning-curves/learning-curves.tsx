/** Loss and accuracy by step, drawn together. */
import { useState } from 'react';
import { runSeries, useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { CheckField, RangeField } from '../../ui/field.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { CurveFigure } from './curve-figure.tsx';
import { useCurveView } from './curve-store.ts';
import styles from './learning-curves.module.css';
import 'uplot/dist/uPlot.min.css';

export function LearningCurves({ className }: { className?: string | undefined }) {
  const step = useRunStore((s) => s.snapshot?.step ?? 0);
  const status = useRunStore((s) => s.snapshot?.status ?? 'idle');
  const hasPoints = step > 0 || runSeries.length > 0;
  return (
    <Panel
      title="Learning curves"
      note={<Resolution step={step} />}
      tools={<ViewTools />}
      className={className}
    >
      {hasPoints ? (
        <div className={styles['curves']}>
          <CurveFigure kind="loss" />
          <CurveFigure kind="accuracy" />
          <Legend />
        </div>
      ) : (
        <Empty title={status === 'preparing' ? 'Preparing the first step…' : 'No steps yet'}>
          Press Start, or Space, and watch the loss fall.
        </Empty>
      )}
    </Panel>
  );
}

/** Says when points were merged: a chart should not hide that it is coarser than the log. */
function Resolution({ step }: { step: number }) {
  if (runSeries.stride === 1 || step === 0) return null;
  return <>each point is the mean of {runSeries.stride} steps</>;
}

const DEFAULT_SMOOTHING = 0.9;

function ViewTools() {
  const { smoothing, isLogLoss, zoom } = useCurveView();
  const [lastSmoothing, setLastSmoothing] = useState(DEFAULT_SMOOTHING);
  const text = smoothing === 0 ? 'off' : smoothing.toFixed(2);
  return (
    <>
      {zoom && (
        <Button small onClick={() => useCurveView.setState({ zoom: null })}>
          Show all steps
        </Button>
      )}
      <CheckField
        label="Log loss"
        checked={isLogLoss}
        onChange={(checked) => useCurveView.setState({ isLogLoss: checked })}
      />
      <RangeField
        className={styles['smoothing']}
        label={`Smoothing ${text}`}
        min={0}
        max={0.99}
        step={0.01}
        value={smoothing}
        valueText={text}
        onChange={(value) => {
          if (value > 0) setLastSmoothing(value);
          useCurveView.setState({ smoothing: value });
        }}
      />
      <Button
        small
        pressed={smoothing === 0}
        onClick={() => useCurveView.setState({ smoothing: smoothing === 0 ? lastSmoothing : 0 })}
      >
        No smoothing
      </Button>
    </>
  );
}

function Legend() {
  return (
    <ul className={styles['legend']}>
      <li>
        <span className={styles['train']} aria-hidden="true" /> Training, per step
      </li>
      <li>
        <span className={styles['test']} aria-hidden="true" /> Test, per evaluation
      </li>
      <li>
        <span className={styles['seam']} aria-hidden="true" /> A seed changes stage
      </li>
      <li>Drag to zoom, double-click for all</li>
    </ul>
  );
}
