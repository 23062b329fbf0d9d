/** What the server stands on: its database's connections, what it stores, and what it calls. */
import type { DatabaseStats } from '../../../shared/contracts/api.ts';
import { useDatabaseStats } from '../../job-queue.ts';
import { refusalOf, useServerAccess } from '../../server-access.ts';
import { useServerReadiness } from '../../server-client.ts';
import { formatCount, formatMs } from '../../ui/format.ts';
import styles from './services.module.css';

const POOL: Record<DatabaseStats['status'], string> = {
  healthy: 'healthy',
  saturated: 'saturated: calls wait for a connection',
  unhealthy: 'does not answer',
};

export function ServerState() {
  const { data, error } = useDatabaseStats();
  const readiness = useServerReadiness();
  const refusal = refusalOf(
    error,
    useServerAccess((s) => s.token),
  );
  if (refusal === 'narrow-token') {
    return <p className={styles['state-note']}>The server shows its database to admins only.</p>;
  }
  // The panel's head says that the server is away.
  if (error || !data) return null;
  const { acquire_p99_ms, checked_out, engine, max, records, status, waiting } = data;
  const called = readiness.data?.readiness.services ?? [];
  return (
    <section className={styles['server']} aria-label="State of the server">
      <h3 className={styles['name']}>Server</h3>
      <dl className={styles['facts']}>
        <Fact term="Database" value={`${engine}, ${POOL[status]}`} />
        <Fact
          term="Connections"
          value={`${formatCount(checked_out)} of ${formatCount(max)} in use, ${formatCount(waiting)} waiting`}
        />
        <Fact term="Wait for one, 99 of 100" value={formatMs(acquire_p99_ms)} />
        <Fact term="Stored kernels" value={formatCount(records.kernels)} />
        <Fact term="Stored runs" value={formatCount(records.runs)} />
        {called.map(({ breaker, name }) => (
          <Fact key={name} term={`Breaker of ${name}`} value={breaker} />
        ))}
      </dl>
    </section>
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
