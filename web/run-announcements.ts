/**
 * Plain sentences for the events a person should hear about while looking elsewhere. They are
 * shown as toasts and read out by the page's live region.
 */
import type { RunEvent } from '../shared/contracts/events.ts';
import type { SeedStage } from '../shared/contracts/seed.ts';
import type { ServiceStatus } from '../shared/contracts/services.ts';

export interface Announcement {
  level: 'info' | 'warning' | 'error';
  text: string;
}

const ARRIVALS: Partial<Record<SeedStage, string>> = {
  TRAINING: 'germinated and learns behind the host',
  BLENDING: 'starts to blend in',
  HOLDING: 'is fully blended and held for its proof',
  FOSSILIZED: 'is fossilised: now part of the host',
  CULLED: 'was culled',
  ERROR_RECOVERY: 'failed repeatedly; the host runs without it',
};

/** What to say about an event, or null when it is no news. */
export function announceEvent(event: RunEvent): Announcement | null {
  switch (event.type) {
    case 'transition': {
      const arrival = ARRIVALS[event.to];
      if (!arrival) return null;
      const isRetarget = event.from === 'HOLDING' && event.to === 'BLENDING';
      const what = isRetarget ? 'blends again towards a new target' : arrival;
      const who = `Seed ${event.seedId ?? `in slot ${event.slot}`} in ${event.layerId}`;
      const why = event.to === 'CULLED' ? `: ${event.cause}` : '';
      return {
        level: event.to === 'ERROR_RECOVERY' ? 'warning' : 'info',
        text: `${who} ${what}${why} (step ${event.step})`,
      };
    }
    case 'command':
      if (event.accepted || event.origin !== 'person') return null;
      return {
        level: 'warning',
        text: `${event.command.kind} refused: ${event.reason ?? 'no reason given'}`,
      };
    case 'governor':
      return {
        level: 'warning',
        text: `Rolled back to step ${event.restoredStep}: ${event.cause}`,
      };
    case 'notice':
      return event.level === 'info' ? null : { level: event.level, text: event.message };
    case 'run.finished':
      return finished(event);
    default:
      return null;
  }
}

function finished(event: Extract<RunEvent, { type: 'run.finished' }>): Announcement {
  if (event.status === 'failed') {
    return { level: 'error', text: `Run failed: ${event.message ?? 'no reason given'}` };
  }
  const accuracy =
    event.testAccuracy === null ? '' : `, test accuracy ${(event.testAccuracy * 100).toFixed(1)} %`;
  const what = event.status === 'done' ? 'Run finished' : 'Run interrupted';
  return { level: 'info', text: `${what} at step ${event.steps}${accuracy}` };
}

/**
 * Breakers that a person opened or closed between two reports. Those that open by themselves have a
 * banner, which names the services that are away and goes when they are back.
 */
export function announceBreakers(
  before: readonly ServiceStatus[],
  after: readonly ServiceStatus[],
): Announcement[] {
  const news: Announcement[] = [];
  for (const service of after) {
    const old = before.find((s) => s.name === service.name);
    if (!old || old.tripped === service.tripped) continue;
    const text = service.tripped
      ? `Breaker of ${service.name} tripped: no calls are made, training goes on without it`
      : `Breaker of ${service.name} reset`;
    news.push({ level: 'info', text });
  }
  return news;
}
