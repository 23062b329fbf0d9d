/** Documents, decisions and idempotency keys in maps. */
import type {
  DecisionTable,
  DocumentTable,
  IdempotencyTable,
  KeyState,
  NewDecision,
  StoredDecision,
  StoredDocument,
} from './ports.ts';

export class MemoryDocumentTable implements DocumentTable {
  #spaces = new Map<string, Map<string, StoredDocument>>();

  async get(space: string, name: string): Promise<StoredDocument | null> {
    return this.#spaces.get(space)?.get(name) ?? null;
  }

  async put(
    ...[space, name, body, expected, now]: Parameters<DocumentTable['put']>
  ): ReturnType<DocumentTable['put']> {
    const documents = this.#spaces.get(space) ?? new Map<string, StoredDocument>();
    this.#spaces.set(space, documents);
    const before = documents.get(name) ?? null;
    if ((before?.version ?? 0) !== expected) return { outcome: 'conflict', document: before };
    const document = { name, body, version: expected + 1, updatedAt: now };
    documents.set(name, document);
    return { outcome: before ? 'updated' : 'created', document };
  }

  async list(space: string, after: string | null, limit: number): Promise<StoredDocument[]> {
    return [...(this.#spaces.get(space)?.values() ?? [])]
      .filter(({ name }) => name > (after ?? ''))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit);
  }
}

export class MemoryDecisionTable implements DecisionTable {
  #decisions = new Map<string, StoredDecision>();

  async put(decision: NewDecision): Promise<'created' | 'exists'> {
    if (this.#decisions.has(decision.id)) return 'exists';
    const position = this.#decisions.size + 1;
    this.#decisions.set(decision.id, { ...decision, position, outcome: null });
    return 'created';
  }

  async get(id: string): Promise<StoredDecision | null> {
    return this.#decisions.get(id) ?? null;
  }

  async list({ before, limit, runId }: Parameters<DecisionTable['list']>[0]) {
    return [...this.#decisions.values()]
      .filter((d) => before === null || d.position < before)
      .filter((d) => runId === undefined || d.runId === runId)
      .reverse()
      .slice(0, limit);
  }

  async setOutcome(id: string, outcome: string) {
    const before = this.#decisions.get(id);
    if (!before) return 'unknown' as const;
    if (before.outcome !== null) {
      return before.outcome === outcome ? ('exists' as const) : ('conflict' as const);
    }
    this.#decisions.set(id, { ...before, outcome });
    return 'created' as const;
  }
}

export class MemoryIdempotencyTable implements IdempotencyTable {
  #keys = new Map<string, { digest: string; startedAt: number; answer: string | null }>();

  async begin(key: string, digest: string, now: number, staleMs: number): Promise<KeyState> {
    const before = this.#keys.get(key);
    if (before && before.digest !== digest) return { state: 'mismatch' };
    if (before && before.answer !== null) return { state: 'done', answer: before.answer };
    if (before && Math.abs(now - before.startedAt) < staleMs) return { state: 'in-flight' };
    this.#keys.set(key, { digest, startedAt: now, answer: null });
    return { state: 'new' };
  }

  async finish(key: string, answer: string): Promise<void> {
    const before = this.#keys.get(key);
    if (before) this.#keys.set(key, { ...before, answer });
  }

  async abandon(key: string): Promise<void> {
    if (this.#keys.get(key)?.answer === null) this.#keys.delete(key);
  }

  async sweep(before: number): Promise<number> {
    const old = [...this.#keys].filter(([, { startedAt }]) => startedAt < before);
    for (const [key] of old) this.#keys.delete(key);
    return old.length;
  }
}
