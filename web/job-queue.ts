/**
 * The server's queue of jobs and the state of what it stands on, through the same typed client as
 * the command line's. A server that is away is a state to show, not an error to raise.
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { JobState } from '../shared/contracts/api-jobs.ts';
import type { Experiment } from '../shared/contracts/experiment.ts';
import { type ApiClient, createApiClient } from '../shared/resilience/api-client.ts';
import { ServiceClient } from '../shared/resilience/http-client.ts';
import { ServiceError } from '../shared/resilience/service-error.ts';
import { showToast } from './run-store.ts';

/** While jobs wait or run, and while none does. */
const BUSY_POLL_MS = 2000;
const CALM_POLL_MS = 10_000;
const MAX_JOBS = 50;

let page: { service: ServiceClient; api: ApiClient } | null = null;

/** Opened at first use: a module must not ask for the page's address while tests load it. */
function server() {
  if (page) return page;
  const options = { timeoutMs: 4000, deadlineMs: 4000, retries: 0 };
  const service = new ServiceClient({ name: 'the server', baseUrl: location.origin, options });
  page = { service, api: createApiClient(service) };
  return page;
}

/** Lets the next call through, whatever the breaker has seen: a person asked for it. */
export function askServerAgain(): void {
  server().service.reset();
}

/** Whether the server answers but wants a token, which the page does not have. */
export function needsToken(error: unknown): boolean {
  return error instanceof ServiceError && (error.status === 401 || error.status === 403);
}

/** With the id by which the server's log knows the call. */
function showFailure(error: Error): void {
  const id = error instanceof ServiceError ? error.requestId : null;
  const text = id === null ? error.message : `${error.message} (request ${id})`;
  showToast({ level: 'error', text });
}

/** The newest jobs of a state, or of all, and how many there are of each. */
export function useJobs(state: JobState | null) {
  return useQuery({
    queryKey: ['jobs', state],
    queryFn: ({ signal }) => {
      const query = { limit: MAX_JOBS, ...(state === null ? {} : { state }) };
      return server().api.call('jobs', { query }, { signal });
    },
    refetchInterval: ({ state: { data } }) => {
      const isBusy = data && (data.counts.queued > 0 || data.counts.running > 0);
      return isBusy ? BUSY_POLL_MS : CALM_POLL_MS;
    },
    // The list stays while another state is asked for.
    placeholderData: (before) => before,
    retry: 0,
  });
}

/** Connections to the database and what is stored in it. */
export function useDatabaseStats() {
  return useQuery({
    queryKey: ['database-stats'],
    queryFn: ({ signal }) => server().api.call('databaseStats', {}, { signal }),
    refetchInterval: CALM_POLL_MS,
    retry: 0,
  });
}

/** Queues an experiment; one that is known already is said to be. */
export function useSubmitExperiment() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (experiment: Experiment) =>
      server().api.call('submitJob', { body: { kind: 'experiment', experiment } }),
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
      server().api.call(what === 'cancel' ? 'cancelJob' : 'retryJob', { params: { id } }),
    onSuccess: ({ title }, { what }) => {
      const text = what === 'cancel' ? `Asked to stop: ${title}` : `Queued again: ${title}`;
      showToast({ level: 'info', text });
    },
    onError: showFailure,
    onSettled: () => queries.invalidateQueries({ queryKey: ['jobs'] }),
  });
}
