/**
 * One uPlot chart of the run. It draws at most once a frame, and only when something changed;
 * React creates and destroys it and is not involved in between.
 */
import uPlot from 'uplot';
import { runSeries, useRunStore } from '../../run-store.ts';
import { type Columns, type CurveKind, curveColumns, curveRange } from './curve-data.ts';
import { curveColors, drawEvaluations, drawTransitions, markedTransitions } from './curve-draw.ts';
import { useCurveView } from './curve-store.ts';

/** What the cursor is on; null when it is off the chart. */
export interface CurveReading {
  step: number;
  raw: number | null;
  smooth: number | null;
}

export interface CurvePlot {
  /** Moves the cursor by points drawn; from off the chart it enters at the end. */
  moveCursor(points: number | 'start' | 'end'): void;
  destroy(): void;
}

const HEIGHT = 190;

/** Draws into `root` until destroyed. `onRead` hears of each cursor move and of new data. */
export function createCurvePlot(
  root: HTMLElement,
  kind: CurveKind,
  onRead: (reading: CurveReading | null) => void,
): CurvePlot {
  const colors = curveColors();
  const isLog = kind === 'loss' && useCurveView.getState().isLogLoss;
  let columns: Columns = [[], [], []];
  let frame = 0;

  const font = '11px system-ui, sans-serif';
  const axis: uPlot.Axis = {
    stroke: colors.text,
    font,
    grid: { stroke: colors.grid, width: 1 },
    ticks: { stroke: colors.grid, width: 1, size: 4 },
  };
  const line = (width: number): uPlot.Series => ({
    stroke: colors.train,
    width,
    points: { show: false },
  });
  const isInView = (step: number): boolean => {
    const { zoom } = useCurveView.getState();
    return !zoom || (step >= zoom.min && step <= zoom.max);
  };
  const evaluated = (): (number | null)[] =>
    useRunStore
      .getState()
      .evaluations.filter((e) => e.split === 'test' && isInView(e.step))
      .map((e) => e[kind]);

  const plot = new uPlot(
    {
      width: Math.max(200, root.clientWidth),
      height: HEIGHT,
      // At the right there is room for half of the last step's label.
      padding: [16, 22, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false },
        sync: { key: 'run-steps' },
        bind: {
          dblclick: () => () => {
            useCurveView.setState({ zoom: null });
            return null;
          },
        },
      },
      scales: {
        x: {
          time: false,
          range: () => {
            const { zoom } = useCurveView.getState();
            const last = columns[0].at(-1) ?? 0;
            return zoom ? [zoom.min, zoom.max] : [0, Math.max(10, last)];
          },
        },
        y: {
          distr: isLog ? 3 : 1,
          range: () => curveRange(kind, isLog, [...columns[1], ...columns[2], ...evaluated()]),
        },
      },
      axes: [
        { ...axis, size: 26, space: 64 },
        {
          ...axis,
          size: 50,
          values: (_, ticks) =>
            ticks.map((tick) => {
              if (tick === null) return '';
              return kind === 'accuracy'
                ? `${Math.round(tick * 100)} %`
                : String(Number(tick.toPrecision(3)));
            }),
        },
      ],
      series: [{}, line(1), line(1.8)],
      hooks: {
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width < 4) return;
            const min = u.posToVal(left, 'x');
            const max = u.posToVal(left + width, 'x');
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            useCurveView.setState({ zoom: { min, max } });
          },
        ],
        setCursor: [() => read()],
        draw: [
          (u) => {
            const { events, evaluations } = useRunStore.getState();
            drawTransitions(u, markedTransitions(events), colors, uPlot.pxRatio);
            drawEvaluations(u, kind, evaluations, colors, uPlot.pxRatio);
          },
        ],
      },
    },
    [[], [], []],
    root,
  );

  function read(): void {
    const index = plot.cursor.idx;
    if (index === null || index === undefined || (plot.cursor.left ?? -1) < 0) {
      onRead(null);
      return;
    }
    const step = columns[0][index];
    if (step === undefined) return;
    onRead({ step, raw: columns[1][index] ?? null, smooth: columns[2][index] ?? null });
  }

  function draw(): void {
    frame = 0;
    const view = useCurveView.getState();
    columns = curveColumns(kind, view, Math.floor(plot.width / 2));
    const raw = plot.series[1];
    if (raw) raw.alpha = view.smoothing > 0 ? 0.28 : 1;
    const smooth = plot.series[2];
    if (smooth) smooth.show = view.smoothing > 0;
    plot.setData(columns);
    read();
  }
  const requestDraw = (): void => {
    frame ||= requestAnimationFrame(draw);
  };
  requestDraw();

  const resize = new ResizeObserver(() => {
    const width = Math.max(200, root.clientWidth);
    if (width !== plot.width) plot.setSize({ width, height: HEIGHT });
    requestDraw();
  });
  resize.observe(root);
  const stops = [
    runSeries.subscribe(requestDraw),
    useCurveView.subscribe(requestDraw),
    useRunStore.subscribe((state, before) => {
      if (state.evaluations !== before.evaluations || state.events !== before.events) requestDraw();
    }),
  ];

  return {
    moveCursor(points) {
      const last = columns[0].length - 1;
      if (last < 0) return;
      const current = (plot.cursor.left ?? -1) >= 0 ? (plot.cursor.idx ?? last) : last + 1;
      const wanted = points === 'start' ? 0 : points === 'end' ? last : current + points;
      const index = Math.min(last, Math.max(0, wanted));
      const left = plot.valToPos(columns[0][index] as number, 'x');
      plot.setCursor({ left, top: 10 });
    },
    destroy() {
      cancelAnimationFrame(frame);
      resize.disconnect();
      for (const stop of stops) stop();
      plot.destroy();
    },
  };
}
