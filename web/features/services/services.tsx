/** The services a run may use, each behind its breaker, and the workbench's own server. */
import { useEffect, useState } from 'react';
import type { BreakerState, ServiceStatus } from '../../../shared/contracts/services.ts';
import { useRunActions } from '../../engine-context.tsx';
import { useRunStore } from '../../run-store.ts';
import { useServerReadiness } from '../../server-client.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount, formatMs } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ServerState } from './server-state.tsx';
import { ServerToken } from './server-token.tsx';
import styles from './services.module.css';
import { Upload } from './upload.tsx';

const NO_SERVICES: ServiceStatus[] = [];
const STATES: Record<BreakerState, { label: string; meaning: string }> = {
  closed: { label: 'Closed', meaning: 'Calls pass' },
  open: { label: 'Open', meaning: 'No calls are made; the run goes on without this service' },
  'half-open': { label: 'Half-open', meaning: 'One trial call decides' },
};

export function Services({ className }: { className?: string | undefined }) {
  const services = useRunStore((s) => s.snapshot?.services ?? NO_SERVICES);
  return (
    <Panel title="Services" note={<ServerNote />} className={className} flush>
      {services.length > 0 ? (
        <ul>
          {services.map((service) => (
            <Service key={service.name} service={service} />
          ))}
        </ul>
      ) : (
        <Empty title="No service in use">Everything runs in this page.</Empty>
      )}
      <ServerToken />
      <ServerState />
    </Panel>
  );
}

function ServerNote() {
  const { isPending, isError, data } = useServerReadiness();
  if (isPending) return <>looking for the server…</>;
  if (isError) return <span className={styles['away']}>server away: training goes on here</span>;
  const { readiness, latencyMs } = data;
  if (readiness.status === 'ready') return <>server answers in {formatMs(latencyMs)}</>;
  const failed = readiness.checks.filter((check) => !check.ok).map((check) => check.name);
  const why = failed.length > 0 ? `: ${failed.join(', ')}` : '';
  return (
    <span className={styles['away']}>
      server {readiness.status === 'draining' ? 'is stopping' : `not ready${why}`}
    </span>
  );
}

function Service({ service }: { service: ServiceStatus }) {
  const actions = useRunActions();
  const { label, meaning } = STATES[service.breaker];
  return (
    <li className={styles['service']} data-testid={`service-${service.name}`}>
      <div className={styles['head']}>
        <span className={styles['name']}>{service.name}</span>
        <span className={`${styles['state']} ${styles[service.breaker]}`} title={meaning}>
          <BreakerGlyph state={service.breaker} />
          {label}
        </span>
        <Retry service={service} />
        <span className={styles['buttons']}>
          <Button
            small
            disabled={service.tripped}
            aria-label={`Trip the breaker of ${service.name}`}
            onClick={() => void actions.tripBreaker(service.name)}
          >
            Trip
          </Button>
          <Button
            small
            disabled={service.breaker === 'closed'}
            aria-label={`Reset the breaker of ${service.name}`}
            onClick={() => void actions.resetBreaker(service.name)}
          >
            Reset
          </Button>
        </span>
      </div>
      <dl className={styles['facts']}>
        <Fact term="Latency" value={formatMs(service.latencyMs)} />
        <Fact term="Calls" value={formatCount(service.calls)} />
        <Fact term="Failures" value={formatCount(service.failures)} />
        <Fact term="Retries" value={formatCount(service.retries)} />
      </dl>
      {service.name === 'runs' && <Upload />}
      {service.lastError !== null && <p className={styles['error']}>{service.lastError}</p>}
    </li>
  );
}

function Fact({ term, value }: { term: string; value: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Counts on between snapshots, which come rarely while a run is paused. */
function Retry({ service }: { service: ServiceStatus }) {
  const snapshotAt = useRunStore((s) => s.snapshotAt);
  const [now, setNow] = useState(() => performance.now());
  const isOpen = service.breaker === 'open';
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, [isOpen]);
  if (!isOpen) return null;
  if (service.tripped) return <span className={styles['retry']}>held open by hand</span>;
  if (service.retryInMs === null) return null;
  const left = Math.max(0, service.retryInMs - Math.max(0, now - snapshotAt));
  return <span className={styles['retry']}>tries again in {Math.ceil(left / 1000)} s</span>;
}

/** A switch drawn closed, half or open. */
function BreakerGlyph({ state }: { state: BreakerState }) {
  const lever = { closed: 'M4 8h9', 'half-open': 'M4 8l8.5-3', open: 'M4 8l6.5-6' }[state];
  return (
    <svg width="17" height="12" viewBox="0 0 17 12" aria-hidden="true">
      <path d={lever} stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" />
      <circle cx="3.5" cy="8" r="2" fill="currentColor" />
      <circle cx="13.5" cy="8" r="2" fill="currentColor" />
    </svg>
  );
}
