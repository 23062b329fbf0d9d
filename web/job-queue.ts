/**
 * The server's queue of jobs and the state of what it stands on, through the same typed client as
 * the command line's. A server that is away is a state to show, not an error to raise.
 */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import type { JobKind, JobState } from '../shared/contracts/api-jobs.ts';
import type { Experiment } from '../shared/contracts/experiment.ts';
import { ServiceError } from '../shared/resilience/service-error.ts';
import { showToast } from './run-store.ts';
import { serverApi } from './server-access.ts';
import { PAGE_ROWS } from './server-client.ts';

/** Null: all of them. */
export interface JobFilter {
  state: JobState | null;
  kind: JobKind | null;
}

/** While jobs wait or run, and while none does. */
const BUSY_POLL_MS = 2000;
const CALM_POLL_MS = 10_000;

/** With the id by which the server's log knows the call. */
function showFailure(error: Error): void {
  const id = error instanceof ServiceError ? error.requestId : null;
  const text = id === null ? error.message : `${error.message} (request ${id})`;
  showToast({ level: 'error', text });
}

/** Jobs of a state and a kind, or of all, newest first, a page at a time; and how many of each state. */
export function useJobs({ kind, state }: JobFilter) {
  return useInfiniteQuery({
    queryKey: ['jobs', state, kind],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) => {
      const query = {
        limit: PAGE_ROWS,
        ...(cursor === undefined ? {} : { cursor }),
        ...(state === null ? {} : { state }),
        ...(kind === null ? {} : { kind }),
      };
      return serverApi().call('jobs', { query }, { signal });
    },
    getNextPageParam: ({ next }) => next ?? undefined,
    refetchInterval: ({ state: { data } }) => {
      const counts = data?.pages[0]?.counts;
      const isBusy = counts !== undefined && (counts.queued > 0 || counts.running > 0);
      // Many pages are many calls: they are asked for calmly.
      return isBusy && data?.pages.length === 1 ? BUSY_POLL_MS : CALM_POLL_MS;
    },
    // The list stays while another state is asked for.
    placeholderData: keepPreviousData,
    retry: 0,
  });
}

/** Connections to the database and what is stored in it. */
export function useDatabaseStats() {
  return useQuery({
    queryKey: ['database-stats'],
    queryFn: ({ signal }) => serverApi().call('databaseStats', {}, { signal }),
    refetchInterval: CALM_POLL_MS,
    retry: 0,
  });
}

/** Queues an experiment; one that is known already is said to be. */
export function useSubmitExperiment() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (experiment: Experiment) =>
      serverApi().call('submitJob', { body: { kind: 'experiment', experiment } }),
    onSuccess: ({ state, title }) => {
      const text =
        state === 'queued' ? `Waits for a worker: ${title}` : `The server has this job: ${state}`;
      showToast({ level: 'info', text });
    },
    onError: showFailure,
    onSettled: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}

/** Cancels a job, or queues a dead or cancelled one again. */
export function useChangeJob() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, what }: { id: string; what: 'cancel' | 'retry' }) =>
      serverApi().call(what === 'cancel' ? 'cancelJob' : 'retryJob', { params: { id } }),
    onSuccess: ({ title }, { what }) => {
      const text = what === 'cancel' ? `Asked to stop: ${title}` : `Queued again: ${title}`;
      showToast({ level: 'info', text });
    },
    onError: showFailure,
    onSettled: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}
