/** A chart with its reading, its description and its table. */
import { useEffect, useRef, useState } from 'react';
import { runSeries } from '../../run-store.ts';
import { useEffectiveTheme } from '../../theme.ts';
import { formatMeasured, formatShare } from '../../ui/format.ts';
import { VisuallyHidden } from '../../ui/visually-hidden.tsx';
import { type CurveKind, describeSeries } from './curve-data.ts';
import { type CurvePlot, type CurveReading, createCurvePlot } from './curve-plot.ts';
import { useCurveView } from './curve-store.ts';
import { CurveTable } from './curve-table.tsx';
import styles from './learning-curves.module.css';

const NAMES: Record<CurveKind, string> = { loss: 'Loss', accuracy: 'Accuracy' };

export function CurveFigure({ kind }: { kind: CurveKind }) {
  const rootRef = useRef<HTMLDivElement>(null);
  const plotRef = useRef<CurvePlot | null>(null);
  const readingRef = useRef<HTMLSpanElement>(null);
  const isLog = useCurveView((s) => s.isLogLoss && kind === 'loss');
  const theme = useEffectiveTheme();

  useEffect(() => {
    const root = rootRef.current;
    if (!root) return;
    // The axis and the colours are fixed when a chart is made: another theme makes another.
    root.dataset['look'] = `${theme}${isLog ? ' log' : ''}`;
    const plot = createCurvePlot(root, kind, (reading) =>
      show(root, readingRef.current, kind, reading),
    );
    plotRef.current = plot;
    return () => plot.destroy();
  }, [kind, isLog, theme]);

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const big = event.shiftKey ? 10 : 1;
    const moves: Record<string, number | 'start' | 'end'> = {
      ArrowLeft: -big,
      ArrowRight: big,
      PageUp: 25,
      PageDown: -25,
      Home: 'start',
      End: 'end',
    };
    const move = moves[event.key];
    if (move !== undefined) plotRef.current?.moveCursor(move);
    else if (event.key === 'Escape') useCurveView.setState({ zoom: null });
    else return;
    event.preventDefault();
  };

  return (
    <figure className={styles['figure']}>
      <figcaption className={styles['caption']}>
        <span className={styles['name']}>
          {NAMES[kind]}
          {isLog && ', log'}
        </span>
        <span ref={readingRef} className={styles['reading']} />
      </figcaption>
      <div
        ref={rootRef}
        className={styles['plot']}
        role="slider"
        tabIndex={0}
        aria-label={`${NAMES[kind]} by step: arrow keys move the cursor, Escape shows all steps`}
        aria-valuemin={0}
        aria-valuemax={0}
        aria-valuenow={0}
        aria-valuetext="No point selected"
        onKeyDown={onKeyDown}
      />
      <Description kind={kind} />
      <CurveTable kind={kind} />
    </figure>
  );
}

/** Written straight to the page: the cursor moves too often for a render. */
function show(
  root: HTMLElement,
  target: HTMLElement | null,
  kind: CurveKind,
  reading: CurveReading | null,
): void {
  const format = kind === 'loss' ? formatMeasured : formatShare;
  const { steps, loss, accuracy } = runSeries.view();
  const last = steps.length - 1;
  const latest = (kind === 'loss' ? loss : accuracy)[last];
  root.setAttribute('aria-valuemax', String(steps[last] ?? 0));
  if (!target) return;
  if (!reading) {
    target.textContent = latest === undefined ? '' : `now ${format(latest)}`;
    return;
  }
  const smooth =
    useCurveView.getState().smoothing > 0 ? `, smoothed ${format(reading.smooth)}` : '';
  const text = `step ${reading.step}: ${format(reading.raw)}${smooth}`;
  target.textContent = text;
  root.setAttribute('aria-valuenow', String(reading.step));
  root.setAttribute('aria-valuetext', text);
}

const DESCRIBE_MS = 2000;

function Description({ kind }: { kind: CurveKind }) {
  const [text, setText] = useState('');
  useEffect(() => {
    const update = (): void => {
      const { steps, loss, accuracy } = runSeries.view();
      setText(describeSeries(kind, steps, kind === 'loss' ? loss : accuracy));
    };
    update();
    const timer = setInterval(update, DESCRIBE_MS);
    return () => clearInterval(timer);
  }, [kind]);
  return (
    <VisuallyHidden>
      <span data-testid={`${kind}-summary`}>{text}</span>
    </VisuallyHidden>
  );
}
