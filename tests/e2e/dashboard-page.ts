/** The dashboard as a person uses it: what they press, and what they read. */
import { readFile } from 'node:fs/promises';
import { expect, type Locator, type Page } from '@playwright/test';
import { RunEvent } from '../../shared/contracts/events.ts';
import { Experiment, type ExperimentInput } from '../../shared/contracts/experiment.ts';

export type FinishedEvent = Extract<RunEvent, { type: 'run.finished' }>;

/** Longest time for a run of these tests; a CPU stands in for the graphics card. */
const RUN_MS = 90_000;

/** Milliseconds between two looks at the page; Playwright's own looks come a second apart. */
const LOOKS = [100];

export class DashboardPage {
  readonly page: Page;
  readonly status: Locator;
  readonly start: Locator;

  constructor(page: Page) {
    this.page = page;
    this.status = page.getByTestId('run-status');
    this.start = page.getByRole('button', { name: 'Start', exact: true });
  }

  /** Opens the dashboard, with an experiment in the address where one is given. */
  async open(experiment?: ExperimentInput): Promise<void> {
    await this.page.goto(experiment ? `/${shareHash(experiment)}` : '/');
    await expect(this.page.getByTestId('adapter')).toContainText(/: \S/);
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole(
      'button',
      typeof name === 'string' ? { name, exact: true } : { name },
    );
  }

  slot(layer: string, index = 0): Locator {
    return this.page.getByRole('article', { name: `Slot ${index} of ${layer}` });
  }

  service(name: string): Locator {
    return this.page.getByTestId(`service-${name}`);
  }

  /** Banners over the panels. */
  get notices(): Locator {
    return this.page.getByLabel('Status messages');
  }

  /** Short messages in the corner. */
  get messages(): Locator {
    return this.page.getByRole('log');
  }

  /** The step in the header; -1 before there is a run. */
  async step(): Promise<number> {
    const figure = this.page.getByTestId('step');
    if ((await figure.count()) === 0) return -1;
    const text = (await figure.textContent()) ?? '';
    return Number((text.split('/')[0] ?? '').replace(/\D/g, ''));
  }

  async waitForStep(least: number, timeout = RUN_MS): Promise<void> {
    const options = { timeout, intervals: LOOKS };
    await expect.poll(() => this.step(), options).toBeGreaterThanOrEqual(least);
  }

  async waitForEnd(timeout = RUN_MS): Promise<FinishedEvent> {
    const options = { timeout, intervals: LOOKS };
    await expect.poll(() => this.status.textContent(), options).toBe('Finished');
    const last = (await this.events()).findLast((e) => e.type === 'run.finished');
    if (!last) throw new Error('The event log of a finished run has no run.finished');
    return last as FinishedEvent;
  }

  /** The run's own log, as the page gives it away. */
  async events(): Promise<RunEvent[]> {
    const downloading = this.page.waitForEvent('download');
    await this.button('Event log').click();
    const text = await readFile(await (await downloading).path(), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => RunEvent.parse(JSON.parse(line)));
  }

  /** Slider stops, slowest first: 1, 5, 20, 100, 500 steps a second, as fast as it goes. */
  async setSpeed(stop: 0 | 1 | 2 | 3 | 4 | 5): Promise<void> {
    await this.page.getByRole('slider', { name: /^Speed/ }).fill(String(stop));
  }
}

/** The link that opens an experiment; the page's own encoding is tested against it. */
export function shareHash(experiment: ExperimentInput): string {
  const json = JSON.stringify(Experiment.parse(experiment));
  return `#e=${Buffer.from(json).toString('base64url')}`;
}
