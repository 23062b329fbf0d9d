/**
 * Where what policies learned outlives a run: a server's store, or a file (Deno) or IndexedDB (the
 * page) where there is none. Adding is reading, summing and writing back if nobody was faster.
 */
import { canonicalJson, sha256Hex } from '../base/canonical.ts';
import { knowledgePath, PolicyKnowledge } from '../contracts/knowledge.ts';
import type { BlobStorage } from '../platform/platform.ts';
import type { ServiceRequest } from '../resilience/service-client-options.ts';
import { ServiceError } from '../resilience/service-error.ts';
import type { ServiceResponse } from '../resilience/service-response.ts';
import { addKnowledge, EMPTY_KNOWLEDGE } from '../tamiyo/bandit.ts';

export interface KnowledgeStore {
  readonly source: 'server' | 'local';
  /** Null: there is none of that name yet. @throws When it cannot be told. */
  read(name: string): Promise<PolicyKnowledge | null>;
  /** Adds sums to what is there. @throws When it could not be stored. */
  add(name: string, more: PolicyKnowledge): Promise<void>;
}

/** The part of resilience/http-client.ts `ServiceClient` that is used. */
export interface KnowledgeService {
  request(path: string, request?: ServiceRequest): Promise<ServiceResponse>;
}

/** Milliseconds that reading before a run may take. */
const READ_DEADLINE_MS = 2000;
const WRITE_DEADLINE_MS = 5000;
/** Attempts to add while other runs add too. */
const ATTEMPTS = 5;

export function serverKnowledge(service: KnowledgeService): KnowledgeStore {
  async function get(name: string): Promise<{ knowledge: PolicyKnowledge; tag: string } | null> {
    try {
      const answer = await service.request(knowledgePath(name), { deadlineMs: READ_DEADLINE_MS });
      const knowledge = PolicyKnowledge.parse(answer.json());
      return { knowledge, tag: answer.headers.get('etag') ?? '' };
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404) return null;
      throw error;
    }
  }
  return {
    source: 'server',
    read: async (name) => (await get(name))?.knowledge ?? null,
    async add(name, more) {
      for (let attempt = 1; ; attempt++) {
        const known = await get(name);
        const body = known ? addKnowledge(known.knowledge, more) : more;
        const headers: Record<string, string> = known
          ? { 'if-match': known.tag }
          : { 'if-none-match': '*' };
        try {
          // Repeated blindly it would be refused: the tag has changed.
          const request = { method: 'PUT', body, headers, idempotent: false } as const;
          await service.request(knowledgePath(name), { ...request, deadlineMs: WRITE_DEADLINE_MS });
          return;
        } catch (error) {
          const lost = error instanceof ServiceError && error.status === 412;
          if (!lost || attempt === ATTEMPTS) throw error;
        }
      }
    },
  };
}

/** @param blobs One blob a name; a damaged one counts as none and is kept aside. */
export function localKnowledge(blobs: BlobStorage): KnowledgeStore {
  const keyOf = (name: string) => `${name}.json`;
  let last: Promise<unknown> = Promise.resolve();
  async function read(name: string): Promise<PolicyKnowledge | null> {
    const bytes = await blobs.read(keyOf(name));
    if (!bytes) return null;
    try {
      return PolicyKnowledge.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch {
      await blobs.write(`${name}.damaged.json`, bytes);
      await blobs.remove(keyOf(name));
      return null;
    }
  }
  return {
    source: 'local',
    read,
    add(name, more) {
      // One at a time: two runs of one process would both sum onto the same.
      const done = last.then(async () => {
        const sum = addKnowledge((await read(name)) ?? EMPTY_KNOWLEDGE, more);
        await blobs.write(keyOf(name), new TextEncoder().encode(canonicalJson(sum)));
      });
      last = done.catch(() => undefined);
      return done;
    },
  };
}

/** The digest that a run records for what it knew. */
export function knowledgeDigest(knowledge: PolicyKnowledge): Promise<string> {
  return sha256Hex(canonicalJson(knowledge));
}
