/** What differs by host for a sitting with the engine. */
import type { EngineSnapshot } from '../contracts/engine-protocol.ts';
import type { Backend } from '../engine/plan/backend.ts';
import type { NamedFiles } from '../platform/memory.ts';
import type { Clock } from '../platform/platform.ts';
import type { RunShelf } from './branch-desk.ts';
import type { Workbench } from './open-run.ts';

export interface SessionHost extends RunShelf {
  clock: Clock;
  /** A fresh backend: the GPU's, or the reference engine with a note why. */
  openBackend(avoidGpu: boolean): Promise<{ backend: Backend; note?: string }>;
  /** Everything else a run needs, for a backend. */
  openWorkbench(backend: Backend, files: NamedFiles): Promise<Workbench>;
  /** Cache figures for the page. */
  cacheStats(): EngineSnapshot['cache'];
}
