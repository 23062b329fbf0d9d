/** The engine of a sitting: opened when it is first needed, and again when its device was lost. */
import { InputError } from '../base/errors.ts';
import type { EngineMessage, NoticeCode } from '../contracts/engine-protocol.ts';
import type { NamedFiles } from '../platform/memory.ts';
import type { Workbench } from './open-run.ts';
import { adapterReport } from './reports.ts';
import type { Services } from './services.ts';
import type { SessionHost } from './session-host.ts';

/** Device losses within this time after which the slow lane is taken. */
const LOSS_WINDOW_MS = 120_000;
const MAX_LOSSES = 3;

/** What a person is told. */
export interface SessionVoice {
  emit(message: EngineMessage): void;
  notice(level: 'info' | 'warning' | 'error', code: NoticeCode, message: string): void;
  snapshot(): void;
}

export class SessionEngine {
  #host: SessionHost;
  #voice: SessionVoice;
  #bench: Workbench | null = null;
  #losses: number[] = [];

  constructor(host: SessionHost, voice: SessionVoice) {
    this.#host = host;
    this.#voice = voice;
  }

  /** What there is; null before the first use and after a loss. */
  get bench(): Workbench | null {
    return this.#bench;
  }

  /** @throws {InputError} If the page has no server. */
  services(): Services {
    const services = this.#bench?.services;
    if (!services)
      throw new InputError('Cannot reach services: this page was opened without a server');
    return services;
  }

  /** The workbench, with the files that a run reads. */
  async ensure(files: NamedFiles): Promise<Workbench> {
    if (this.#bench) {
      this.#bench = { ...this.#bench, files };
      return this.#bench;
    }
    const recent = this.#losses.filter((t) => this.#host.clock.now() - t < LOSS_WINDOW_MS);
    const { backend, note } = await this.#host.openBackend(recent.length >= MAX_LOSSES);
    this.#voice.emit({ kind: 'adapter', adapter: adapterReport(backend.adapter, note) });
    if (backend.adapter.kind === 'reference') {
      const code = recent.length > 0 ? 'other' : 'no-webgpu';
      this.#voice.notice('warning', code, note ?? 'The slow reference engine computes');
    }
    this.#bench = await this.#host.openWorkbench(backend, files);
    this.#watchServices(this.#bench.services);
    return this.#bench;
  }

  /** One notice while any service is away, however many share the server. */
  #watchServices(services: Services | null): void {
    const away = new Set<string>();
    services?.onBreaker(({ breaker, name, tripped }) => {
      if (breaker === 'open' && !tripped) {
        away.add(name);
        this.#voice.notice('warning', 'server-away', `Without an answer: ${[...away].join(', ')}`);
      } else if (breaker === 'closed' && away.delete(name) && away.size === 0) {
        this.#voice.notice('info', 'server-back', 'The server answers again');
      }
      this.#voice.snapshot();
    });
  }

  /** Gives up what a lost device had made. */
  lose(): void {
    this.#losses.push(this.#host.clock.now());
    this.#bench?.services?.close();
    this.#bench = null;
  }
}
