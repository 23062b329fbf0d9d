/** Jobs as a table: how far each is, what came of it, and what can be done about it. */
import type { JobState, JobSummary } from '../../../shared/contracts/api-jobs.ts';
import { useChangeJob } from '../../job-queue.ts';
import { Button } from '../../ui/button.tsx';
import { formatShare } from '../../ui/format.ts';
import { type ListMore, ListTable } from '../../ui/list-table.tsx';
import { Meter } from '../../ui/meter.tsx';
import styles from './jobs.module.css';

const STATES: Record<JobState, string> = {
  queued: 'Waiting',
  running: 'Running',
  done: 'Done',
  dead: 'Dead',
  cancelled: 'Cancelled',
};

const COLUMNS = ['Job', 'State', 'Progress', 'Worker', 'Action'];

interface JobTableProps {
  jobs: readonly JobSummary[];
  more: ListMore | null;
}

export function JobTable({ jobs, more }: JobTableProps) {
  return (
    <ListTable label="Jobs" columns={COLUMNS} more={more}>
      {jobs.map((job) => (
        <Row key={job.id} job={job} />
      ))}
    </ListTable>
  );
}

function Row({ job }: { job: JobSummary }) {
  const { kind, state, title, tries, worker } = job;
  return (
    <tr>
      <th scope="row" title={job.id}>
        {title === kind ? title : `${kind}: ${title}`}
      </th>
      <td className={styles[state]}>
        {STATES[state]}
        {tries > 1 && `, try ${tries} of ${job.max_tries}`}
      </td>
      <td>
        <Progress job={job} />
      </td>
      <td>{worker ?? '–'}</td>
      <td>
        <Action job={job} />
      </td>
    </tr>
  );
}

function Progress({ job: { error, progress, result, state, title } }: { job: JobSummary }) {
  if (state === 'done') return outcome(result);
  if (error !== null && state !== 'running') {
    return <span className={styles['error']}>{error.split('\n')[0]}</span>;
  }
  if (state !== 'running' || progress === null) return '–';
  return (
    <>
      {progress.share !== null && <Meter label={`Progress of ${title}`} value={progress.share} />}
      <span className={styles['message']}>{progress.message}</span>
    </>
  );
}

/** What a result says in a few words; its shape is the kind's own. */
function outcome(result: JobSummary['result']): string {
  const accuracy = result?.['testAccuracy'];
  if (typeof accuracy === 'number') return `test accuracy ${formatShare(accuracy)}`;
  const status = result?.['status'];
  return typeof status === 'string' ? status : 'done';
}

function Action({ job: { id, state, title } }: { job: JobSummary }) {
  const change = useChangeJob();
  const what =
    state === 'queued' || state === 'running' ? 'cancel' : state === 'done' ? null : 'retry';
  if (what === null) return '–';
  return (
    <Button
      small
      disabled={change.isPending}
      aria-label={what === 'cancel' ? `Cancel the job ${title}` : `Queue the job ${title} again`}
      onClick={() => change.mutate({ id, what })}
    >
      {what === 'cancel' ? 'Cancel' : 'Retry'}
    </Button>
  );
}
