/** The dashboard: which panel stands where, and what happens when the page opens. */
import { useCallback, useState } from 'react';
import type { DataSpec } from '../shared/contracts/experiment.ts';
import styles from './app.module.css';
import { useDraftStore } from './draft-store.ts';
import { ActionsProvider } from './engine-context.tsx';
import { AlphaLandscape } from './features/alpha-landscape/alpha-landscape.tsx';
import { Blueprints } from './features/blueprints/blueprints.tsx';
import { Branches } from './features/branches/branches.tsx';
import { DecisionBoundary } from './features/decision-boundary/decision-boundary.tsx';
import { DecisionLog } from './features/decision-log/decision-log.tsx';
import { EvaluationSummary } from './features/evaluation-summary/evaluation-summary.tsx';
import { EventTimeline } from './features/event-timeline/event-timeline.tsx';
import { GrowthCanvas } from './features/growth-canvas/growth-canvas.tsx';
import { Header } from './features/header/header.tsx';
import { HealthHeatmap } from './features/health-heatmap/health-heatmap.tsx';
import { Help } from './features/help/help.tsx';
import { Jobs } from './features/jobs/jobs.tsx';
import { KernelMemory } from './features/kernel-memory/kernel-memory.tsx';
import { KernelTimes } from './features/kernel-memory/kernel-times.tsx';
import { LearningCurves } from './features/learning-curves/learning-curves.tsx';
import { Notices } from './features/notices/notices.tsx';
import { Toasts } from './features/notices/toasts.tsx';
import { Predictions } from './features/predictions/predictions.tsx';
import { Settings } from './features/run-control/settings.tsx';
import { Transport } from './features/run-control/transport.tsx';
import { Runs } from './features/runs/runs.tsx';
import { SeedLattice } from './features/seed-lattice/seed-lattice.tsx';
import { Services } from './features/services/services.tsx';
import { Verdict } from './features/verdict/verdict.tsx';
import { useKeyboardShortcuts } from './keyboard-shortcuts.ts';
import type { RunActions } from './run-actions.ts';
import { useRunStore } from './run-store.ts';
import { Panel } from './ui/panel.tsx';

interface AppProps {
  actions: RunActions;
  /** Only the run itself, for an iframe in a lesson or an article. */
  isEmbed: boolean;
}

export function App({ actions, isEmbed }: AppProps) {
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const openHelp = useCallback(() => setIsHelpOpen(true), []);
  const closeHelp = useCallback(() => setIsHelpOpen(false), []);
  useKeyboardShortcuts(actions, openHelp);
  return (
    <ActionsProvider actions={actions}>
      <a className={styles['skip']} href="#panels">
        Skip to the run
      </a>
      <Header openHelp={openHelp} isEmbed={isEmbed} />
      <main className={styles['page']} id="panels">
        <Notices />
        {isEmbed ? <EmbeddedPanels /> : <AllPanels />}
      </main>
      <Toasts />
      <Help isOpen={isHelpOpen} onClose={closeHelp} />
    </ActionsProvider>
  );
}

function AllPanels() {
  const isPlane = useIsPlane();
  return (
    <div className={styles['main']}>
      <div className={styles['side']}>
        <Panel title="Run" className={styles['transport']}>
          <Transport />
        </Panel>
        <Settings />
      </div>
      <div className={styles['grid']}>
        <LearningCurves className={styles['full']} />
        <TaskView className={styles['narrow']} />
        <GrowthCanvas className={styles['wide']} />
        {!isPlane && <Predictions className={styles['full']} />}
        <SeedLattice className={styles['lattice']} />
        <HealthHeatmap className={styles['health']} />
        <AlphaLandscape className={styles['full']} />
        <DecisionLog className={styles['half']} />
        <EventTimeline className={styles['half']} />
        <Branches className={styles['full']} />
        <Blueprints className={styles['full']} />
        <Verdict className={styles['full']} />
        <Services className={styles['third']} />
        <KernelMemory className={styles['third']} />
        <Runs className={styles['third']} />
        <Jobs className={styles['full']} />
        <KernelTimes className={styles['full']} />
      </div>
    </div>
  );
}

function EmbeddedPanels() {
  return (
    <div className={styles['grid']}>
      <Panel title="Run" className={styles['narrow']}>
        <Transport />
      </Panel>
      <LearningCurves className={styles['wide']} />
      <TaskView className={styles['narrow']} />
      <GrowthCanvas className={styles['wide']} />
    </div>
  );
}

/** The plane where a task has one; before the data are known, where the settings suggest one. */
function TaskView({ className }: { className?: string | undefined }) {
  return !useIsPlane() ? (
    <EvaluationSummary className={className} />
  ) : (
    <DecisionBoundary className={className} />
  );
}

function useIsPlane(): boolean {
  const data = useRunStore((s) => s.data);
  const draft = useDraftStore((s) => s.draft.data);
  return data ? data.points !== null : suggestsPlane(draft);
}

function suggestsPlane(data: DataSpec): boolean {
  if (data.source === 'blobs') return data.dimensions === 2;
  return ['two-spirals', 'moons', 'circles', 'xor'].includes(data.source);
}
