/** What is said of the server's copy of a run's events. */
import type { UploadStatus } from '../../../shared/contracts/services.ts';
import { formatCount } from '../../ui/format.ts';

/** `isBehind`: the server lacks what it should have by now. */
export function uploadText({ caughtUp, ended, lacking, late }: UploadStatus): {
  isBehind: boolean;
  text: string;
} {
  const events = (n: number) => `${formatCount(n)} ${n === 1 ? 'event' : 'events'}`;
  if (ended !== null) {
    return {
      isBehind: true,
      text: `The server lacks ${events(lacking)} of this run and gets no more: ${ended}. All of them are in the run’s own log here; training is as without a server.`,
    };
  }
  if (late && lacking > 0) {
    return {
      isBehind: true,
      text: `The server lacks ${events(lacking)} of this run. They are in the run’s own log here and are sent when it answers again; training goes on as without it.`,
    };
  }
  if (caughtUp !== null) {
    return {
      isBehind: false,
      text: `${events(caughtUp)} that the server had missed were delivered.`,
    };
  }
  return { isBehind: false, text: 'The server gets a copy of this run’s events as they come.' };
}
