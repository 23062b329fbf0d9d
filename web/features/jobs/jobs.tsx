/** The server's queue: what waits, runs and died, and a way to put the experiment into it. */
import { useState } from 'react';
import type { JobPage, JobState } from '../../../shared/contracts/api-jobs.ts';
import { missingFiles, useDraftStore } from '../../draft-store.ts';
import { askServerAgain, needsToken, useJobs, useSubmitExperiment } from '../../job-queue.ts';
import { Button } from '../../ui/button.tsx';
import { formatCount } from '../../ui/format.ts';
import { Empty, Panel } from '../../ui/panel.tsx';
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

export function Jobs({ className }: { className?: string | undefined }) {
  const [filter, setFilter] = useState<JobState | null>(null);
  const { data, error, isPending, isFetching, refetch } = useJobs(filter);
  const page = error ? null : data;
  const askAgain = () => {
    askServerAgain();
    void refetch();
  };
  return (
    <Panel
      title="Jobs on the server"
      note={page ? countsText(page.counts) : undefined}
      tools={<Submit isAway={!page} />}
      className={className}
      flush
    >
      {isPending ? (
        <Empty title="Asking the server…" />
      ) : error ? (
        <Empty title={needsToken(error) ? 'The server asks for a token' : 'The server is away'}>
          {needsToken(error)
            ? 'The page has none; esper submit takes one with --token.'
            : 'Jobs wait there; training in this page goes on.'}{' '}
          <Button small disabled={isFetching} onClick={askAgain}>
            Ask again
          </Button>
        </Empty>
      ) : (
        <>
          <Filters counts={data.counts} chosen={filter} choose={setFilter} />
          {data.items.length > 0 ? (
            <JobTable jobs={data.items} />
          ) : (
            <Empty title={filter === null ? 'No jobs yet' : 'No jobs in this state'}>
              Queue the experiment of the settings, then start <code>esper worker</code> anywhere.
            </Empty>
          )}
        </>
      )}
    </Panel>
  );
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
  chosen: JobState | null;
  choose: (state: JobState | null) => void;
}

function Filters({ counts, chosen, choose }: FiltersProps) {
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields of a form
    <div className={styles['filters']} role="group" aria-label="Jobs shown">
      {FILTERS.map(({ label, state }) => (
        <Button
          key={label}
          small
          look="quiet"
          pressed={state === chosen}
          onClick={() => choose(state)}
        >
          {label} {formatCount(state === null ? all : counts[state])}
        </Button>
      ))}
    </div>
  );
}
