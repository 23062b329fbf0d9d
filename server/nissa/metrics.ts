/** Prometheus metrics of one server. */
import process from 'node:process';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  registry: Registry;
  requests: Counter<'method' | 'route' | 'status'>;
  requestSeconds: Histogram<'method' | 'route'>;
  decisionSeconds: Histogram;
  decisions: Counter<'action'>;
  events: Counter;
  outcomes: Counter<'outcome'>;
  blobs: Counter<'outcome'>;
  streams: Gauge;
  jobs: Counter<'event'>;
  queue: Gauge<'state'>;
  databaseCheckedOut: Gauge;
  databaseIdle: Gauge;
  databaseWaiting: Gauge;
  messages: Counter<'event'>;
}

/** A registry of its own, so that several servers in one process do not share counts. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  // Under the name that every Prometheus client gives it; read when somebody asks.
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time of the process, user and system',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  return {
    registry,
    requests: new Counter({
      name: 'esper_http_requests_total',
      help: 'Requests answered, by route and status',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'esper_http_request_seconds',
      help: 'Time from request to the start of the answer',
      labelNames: ['method', 'route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    decisionSeconds: new Histogram({
      name: 'esper_decision_seconds',
      help: 'Time the growth policy took',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1],
      registers,
    }),
    decisions: new Counter({
      name: 'esper_decisions_total',
      help: 'Decisions given, by action',
      labelNames: ['action'],
      registers,
    }),
    outcomes: new Counter({
      name: 'esper_decision_outcomes_total',
      help: 'Outcomes of decisions reported back',
      labelNames: ['outcome'],
      registers,
    }),
    events: new Counter({
      name: 'esper_run_events_total',
      help: 'Run events accepted, repeats included',
      registers,
    }),
    blobs: new Counter({
      name: 'esper_blobs_total',
      help: 'Blob operations by outcome: created, exists, served, missing, corrupt, mismatch',
      labelNames: ['outcome'],
      registers,
    }),
    streams: new Gauge({
      name: 'esper_event_streams',
      help: 'Event streams open now',
      registers,
    }),
    jobs: new Counter({
      name: 'esper_job_events_total',
      help: 'What happened to jobs: claimed, done, failed, cancelled, released, swept',
      labelNames: ['event'],
      registers,
    }),
    databaseCheckedOut: new Gauge({
      name: 'esper_database_checked_out',
      help: 'Database connections in use',
      registers,
    }),
    databaseIdle: new Gauge({
      name: 'esper_database_idle',
      help: 'Database connections open and idle',
      registers,
    }),
    databaseWaiting: new Gauge({
      name: 'esper_database_waiting',
      help: 'Requests that wait for a database connection',
      registers,
    }),
    queue: new Gauge({
      name: 'esper_jobs',
      help: 'Jobs by state',
      labelNames: ['state'],
      registers,
    }),
    messages: new Counter({
      name: 'esper_messages_total',
      help: 'Messages published and delivered to groups',
      labelNames: ['event'],
      registers,
    }),
  };
}
