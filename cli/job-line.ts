/** The lines a job's process writes on standard output, one JSON object each. */
import { z } from 'zod';
import { JobProgress, JobResult } from '#shared/contracts/api-jobs.ts';

export const JobLine = z.discriminatedUnion('type', [
  /** Everything is loaded and the work begins: its time limit counts from here. */
  z.object({ type: z.literal('begin') }),
  z.object({ type: z.literal('progress'), progress: JobProgress }),
  z.object({ type: z.literal('done'), result: JobResult }),
  z.object({ type: z.literal('failed'), error: z.string(), retryable: z.boolean() }),
  /** It was asked to stop, and has. */
  z.object({ type: z.literal('stopped') }),
]);
export type JobLine = z.infer<typeof JobLine>;

/** The first line a job's process reads. */
export const JobOrder = z.object({
  id: z.string(),
  /** Goes with all that is written to the job's run. */
  fence: z.string(),
  spec: z.unknown(),
  serverUrl: z.string(),
  /** Folder of the job; what an earlier try left there may be used. */
  folder: z.string(),
  /** Milliseconds the whole log of a run is offered to a server that does not take it. */
  deliverMs: z.number().nonnegative().default(60_000),
});
export type JobOrder = z.infer<typeof JobOrder>;
export type NewJobOrder = z.input<typeof JobOrder>;
