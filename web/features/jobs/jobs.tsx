/** The server's queue: what waits, runs and died, and a way to put the experiment into it. */
import { useState } from 'react';
import type { JobKind, JobPage, JobState } from '../../../shared/contracts/api-jobs.ts';
import { missingFiles, useDraftStore } from '../../draft-store.ts';
import { type JobFilter, useJobs, useSubmitExperiment } from '../../job-queue.ts';
import { askServerAgain, useRefusal } from '../../server-access.ts';
import { Button } from '../../ui/button.tsx';
import controls from '../../ui/controls.module.css';
import { formatCount } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ServerAway } from '../../ui/server-away.tsx';
import { JobTable } from './job-table.tsx';
import styles from './jobs.module.css';

const FILTERS: readonly { state: JobState | null; label: string }[] = [
  { state: null, label: 'All' },
  { state: 'queued', label: 'Waiting' },
  { state: 'running', label: 'Running' },
  { state: 'done', label: 'Done' },
  { state: 'dead', label: 'Dead' },
  { state: 'cancelled', label: 'Cancelled' },
];

const KINDS: readonly { value: JobKind | 'all'; label: string }[] = [
  { value: 'all', label: 'Every kind' },
  { value: 'experiment', label: 'Experiments' },
  { value: 'compile', label: 'Compilations' },
  { value: 'shader', label: 'Shaders' },
];

export function Jobs({ className }: { className?: string | undefined }) {
  const [filter, setFilter] = useState<JobFilter>({ state: null, kind: null });
  const query = useJobs(filter);
  const { data, error, isPending } = query;
  const refusal = useRefusal(error);
  const ask = () => {
    askServerAgain();
    void query.refetch();
  };
  const counts = error ? null : (data?.pages[0]?.counts ?? null);
  return (
    <Panel
      title="Jobs on the server"
      note={counts ? countsText(counts) : undefined}
      tools={<Submit isAway={!counts} />}
      className={className}
      flush
    >
      {isPending ? (
        <Empty title="Asking the server…" />
      ) : counts ? (
        <>
          <Filters counts={counts} filter={filter} choose={setFilter} />
          <JobList query={query} filter={filter} />
        </>
      ) : (
        <ServerAway refusal={refusal} isFetching={query.isFetching} ask={ask}>
          Jobs wait there; training in this page goes on.
        </ServerAway>
      )}
    </Panel>
  );
}

function JobList({ query, filter }: { query: ReturnType<typeof useJobs>; filter: JobFilter }) {
  const { data, fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const jobs = data?.pages.flatMap(({ items }) => items) ?? [];
  if (jobs.length === 0) {
    const isAll = filter.state === null && filter.kind === null;
    return (
      <Empty title={isAll ? 'No jobs yet' : 'No such jobs'}>
        Queue the experiment of the settings, then start <code>esper worker</code> anywhere.
      </Empty>
    );
  }
  const more = {
    note: `The newest ${formatCount(jobs.length)} are shown`,
    isLoading: isFetchingNextPage,
    load: () => void fetchNextPage(),
  };
  return <JobTable jobs={jobs} more={hasNextPage ? more : null} />;
}

function countsText({ dead, queued, running }: JobPage['counts']): string {
  const waiting = `${formatCount(queued)} waiting, ${formatCount(running)} running`;
  return dead > 0 ? `${waiting}, ${formatCount(dead)} dead` : waiting;
}

function Submit({ isAway }: { isAway: boolean }) {
  const { draft, files, validation } = useDraftStore();
  const submit = useSubmitExperiment();
  const needsFiles = files.length > 0 || missingFiles({ draft, files }).length > 0;
  const { experiment } = validation;
  const why = isAway
    ? 'The server is away'
    : experiment === null
      ? 'Correct the settings first'
      : needsFiles
        ? 'A worker cannot read the files of this page'
        : null;
  return (
    <Button
      small
      disabled={why !== null || submit.isPending}
      title={why ?? 'A worker of the server trains what the settings say'}
      onClick={() => experiment && submit.mutate(experiment)}
    >
      Queue this experiment
    </Button>
  );
}

interface FiltersProps {
  counts: JobPage['counts'];
  filter: JobFilter;
  choose: (filter: JobFilter) => void;
}

function Filters({ counts, filter, choose }: FiltersProps) {
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields of a form
    <div className={styles['filters']} role="group" aria-label="Jobs shown">
      {FILTERS.map(({ label, state }) => (
        <Button
          key={label}
          small
          look="quiet"
          pressed={state === filter.state}
          onClick={() => choose({ ...filter, state })}
        >
          {label} {formatCount(state === null ? all : counts[state])}
        </Button>
      ))}
      <select
        className={`${controls['input']} ${styles['kind']}`}
        aria-label="Kind of jobs shown"
        value={filter.kind ?? 'all'}
        onChange={({ target: { value } }) =>
          choose({ ...filter, kind: value === 'all' ? null : (value as JobKind) })
        }
      >
        {KINDS.map(({ label, value }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}
