/** What the page's main thread does while something happens, from the browser's own trace. */
import type { Browser, Page } from '@playwright/test';

export interface LongTasks {
  /**
   * Milliseconds of processor time of the page's most expensive task. Where a processor renders
   * for the graphics card, wall time tells more of the other threads than of the page.
   */
  mostCpuMs: number;
  /** Milliseconds from start to end of each task over 50 ms, waiting for a processor included. */
  wallMs: number[];
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  /** Microseconds: wall time, and the thread's own time. */
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** Observes the page's renderer while `work` runs. */
export async function measureMainThread(
  browser: Browser,
  page: Page,
  work: () => Promise<void>,
): Promise<LongTasks> {
  const client = await browser.newBrowserCDPSession();
  const events: TraceEvent[] = [];
  client.on('Tracing.dataCollected', ({ value }) =>
    events.push(...(value as never as TraceEvent[])),
  );
  // The marker tells this page's process from those of other pages.
  const marker = `main-thread-${Date.now()}`;
  await client.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['toplevel', 'blink.user_timing'] },
  });
  await page.evaluate((name) => performance.mark(name), marker);
  await work();
  const complete = new Promise((resolve) => client.once('Tracing.tracingComplete', resolve));
  await client.send('Tracing.end');
  await complete;
  await client.detach();
  const mark = events.find((e) => e.name === marker);
  const tasks = events.filter(
    (e) => e.ph === 'X' && e.pid === mark?.pid && e.tid === mark.tid && /RunTask$/.test(e.name),
  );
  if (tasks.length === 0) throw new Error('The trace holds no task of the page');
  const milliseconds = (microseconds = 0): number => Math.round(microseconds / 100) / 10;
  return {
    mostCpuMs: Math.max(...tasks.map((t) => milliseconds(t.tdur))),
    wallMs: tasks.map((t) => milliseconds(t.dur)).filter((ms) => ms > 50),
  };
}
