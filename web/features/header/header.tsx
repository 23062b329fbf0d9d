/** Name, status and pace of the run, what it runs on, theme and help. */
import type { EngineSnapshot } from '../../../shared/contracts/engine-protocol.ts';
import { useRunStore } from '../../run-store.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount } from '../../ui/format.ts';
import { AdapterBadge } from './adapter-badge.tsx';
import styles from './header.module.css';
import { ThemeChoice } from './theme-choice.tsx';

const STATUS: Record<EngineSnapshot['status'], string> = {
  idle: 'Ready',
  preparing: 'Preparing',
  running: 'Training',
  paused: 'Paused',
  finished: 'Finished',
  failed: 'Failed',
};

export function Header({ openHelp, isEmbed }: { openHelp: () => void; isEmbed: boolean }) {
  return (
    <header className={styles['header']}>
      <div className={styles['brand']}>
        <img src="/icon.svg" width="26" height="26" alt="" />
        <h1 style={{ font: 'inherit' }}>Esper Workbench</h1>
      </div>
      <Status />
      <Figures />
      {!isEmbed && (
        <div className={styles['tools']}>
          <AdapterBadge />
          <ThemeChoice />
          <Button small aria-label="Help and shortcuts" onClick={openHelp} shortcut="?">
            Help
          </Button>
        </div>
      )}
    </header>
  );
}

function Status() {
  const status = useRunStore((s) => s.snapshot?.status ?? 'idle');
  const message = useRunStore((s) => s.snapshot?.message ?? null);
  return (
    <span className={styles['status']}>
      <span className={`${styles['dot']} ${styles[status]}`} aria-hidden="true" />
      <span data-testid="run-status">{STATUS[status]}</span>
      {message !== null && status === 'preparing' && (
        <span style={{ color: 'var(--muted)', fontWeight: 400 }}>{message}</span>
      )}
    </span>
  );
}

function Figures() {
  const name = useRunStore((s) => s.experiment?.name ?? null);
  const snapshot = useRunStore((s) => s.snapshot);
  if (!snapshot || snapshot.status === 'idle') return null;
  const speed = snapshot.stepsPerSecond;
  return (
    <dl className={styles['figures']}>
      {name !== null && <Figure term="Run" value={name} />}
      <Figure
        term="Step"
        value={`${formatCount(snapshot.step)} / ${formatCount(snapshot.totalSteps)}`}
        testId="step"
      />
      <Figure
        term="Steps/s"
        value={speed === null ? '–' : speed < 10 ? speed.toFixed(1) : formatCount(speed)}
      />
      <Figure term="Seed" value={String(snapshot.seed)} />
      <Figure term="Parameters" value={formatCount(snapshot.parameters)} />
    </dl>
  );
}

function Figure({ term, value, testId }: { term: string; value: string; testId?: string }) {
  return (
    <div className={styles['figure']}>
      <dt>{term}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}
