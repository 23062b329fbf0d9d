/**
 * The JSON calls of the API as data: what the typed client (resilience/api-client.ts) takes and
 * gives, for page, CLI and worker alike. A test holds it to the server's own /openapi.json.
 */
import { z } from 'zod';
import {
  BlueprintPage,
  DatabaseStats,
  EventsAccepted,
  EventsAppend,
  EventsPage,
  EventsQuery,
  Health,
  KernelPage,
  KernelQuery,
  PageQuery,
  Readiness,
  RunCreate,
  RunDetail,
  RunPage,
  StoredBlueprint,
  StoredKernel,
} from './api.ts';
import { DecisionOutcome, DecisionPage, DecisionQuery, DecisionRecord } from './api-decisions.ts';
import {
  ClaimedJob,
  JobClaim,
  JobDetail,
  JobKind,
  JobPage,
  JobReport,
  JobSpec,
  JobState,
  LeaseRenewal,
  LeaseState,
} from './api-jobs.ts';
import {
  AcknowledgeReceipt,
  DeliveryPage,
  MessageAcknowledge,
  MessageClaim,
  MessagePage,
  MessagePublish,
  MessageReceipt,
  MessagesQuery,
} from './api-messages.ts';
import {
  Alias,
  AliasPage,
  AliasQuery,
  AliasTarget,
  Revocation,
  UploadStart,
  UploadState,
} from './api-uploads.ts';
import { ArtifactManifest, Blueprint } from './blueprint.ts';
import { AnalyzeRequest, AnalyzeResponse } from './decision.ts';
import { PolicyKnowledge } from './knowledge.ts';

export interface ApiRoute {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` for each parameter. */
  path: string;
  query?: z.ZodType;
  body?: z.ZodType;
  /** Of every status below 300 that has a body. */
  answer: z.ZodType;
  /** A POST that may be repeated. */
  idempotent?: true;
}

/** Answers 204. */
const nothing = z.null();
const JobQuery = PageQuery.extend({ state: JobState.optional(), kind: JobKind.optional() });

export const API_ROUTES = {
  health: { method: 'GET', path: '/healthz', answer: Health },
  readiness: { method: 'GET', path: '/readyz', answer: Readiness },
  databaseStats: { method: 'GET', path: '/internal/database/stats', answer: DatabaseStats },

  startUpload: { method: 'POST', path: '/api/v1/uploads', body: UploadStart, answer: UploadState },
  uploadState: { method: 'GET', path: '/api/v1/uploads/{id}', answer: UploadState },
  cancelUpload: { method: 'DELETE', path: '/api/v1/uploads/{id}', answer: nothing },

  registerBlueprint: {
    method: 'POST',
    path: '/api/v1/blueprints',
    body: Blueprint,
    answer: StoredBlueprint,
    idempotent: true,
  },
  blueprints: {
    method: 'GET',
    path: '/api/v1/blueprints',
    query: PageQuery,
    answer: BlueprintPage,
  },
  blueprint: { method: 'GET', path: '/api/v1/blueprints/{id}', answer: StoredBlueprint },
  registerKernel: {
    method: 'POST',
    path: '/api/v1/kernels',
    body: ArtifactManifest,
    answer: StoredKernel,
    idempotent: true,
  },
  kernels: { method: 'GET', path: '/api/v1/kernels', query: KernelQuery, answer: KernelPage },
  kernel: { method: 'GET', path: '/api/v1/kernels/{id}', answer: StoredKernel },
  revokeKernel: {
    method: 'PUT',
    path: '/api/v1/kernels/{id}/revocation',
    body: Revocation,
    answer: Revocation,
  },
  aliases: { method: 'GET', path: '/api/v1/aliases', query: AliasQuery, answer: AliasPage },
  alias: { method: 'GET', path: '/api/v1/aliases/{name}', answer: Alias },
  setAlias: { method: 'PUT', path: '/api/v1/aliases/{name}', body: AliasTarget, answer: Alias },

  analyze: {
    method: 'POST',
    path: '/api/v1/analyze',
    body: AnalyzeRequest,
    answer: AnalyzeResponse,
    idempotent: true,
  },
  decisions: {
    method: 'GET',
    path: '/api/v1/decisions',
    query: DecisionQuery,
    answer: DecisionPage,
  },
  decision: { method: 'GET', path: '/api/v1/decisions/{id}', answer: DecisionRecord },
  reportOutcome: {
    method: 'POST',
    path: '/api/v1/decisions/{id}/outcome',
    body: DecisionOutcome,
    answer: DecisionRecord,
    idempotent: true,
  },
  knowledge: { method: 'GET', path: '/api/v1/knowledge/{name}', answer: PolicyKnowledge },
  setKnowledge: {
    method: 'PUT',
    path: '/api/v1/knowledge/{name}',
    body: PolicyKnowledge,
    answer: PolicyKnowledge,
  },

  createRun: {
    method: 'POST',
    path: '/api/v1/runs',
    body: RunCreate,
    answer: RunDetail,
    idempotent: true,
  },
  runs: { method: 'GET', path: '/api/v1/runs', query: PageQuery, answer: RunPage },
  run: { method: 'GET', path: '/api/v1/runs/{id}', answer: RunDetail },
  appendEvents: {
    method: 'POST',
    path: '/api/v1/runs/{id}/events',
    body: EventsAppend,
    answer: EventsAccepted,
    idempotent: true,
  },
  runEvents: {
    method: 'GET',
    path: '/api/v1/runs/{id}/events',
    query: EventsQuery,
    answer: EventsPage,
  },

  publish: {
    method: 'POST',
    path: '/api/v1/topics/{topic}/messages',
    body: MessagePublish,
    answer: MessageReceipt,
  },
  messages: {
    method: 'GET',
    path: '/api/v1/topics/{topic}/messages',
    query: MessagesQuery,
    answer: MessagePage,
  },
  claimMessages: {
    method: 'POST',
    path: '/api/v1/topics/{topic}/groups/{group}/claim',
    body: MessageClaim,
    answer: DeliveryPage,
  },
  acknowledgeMessages: {
    method: 'POST',
    path: '/api/v1/topics/{topic}/groups/{group}/acknowledge',
    body: MessageAcknowledge,
    answer: AcknowledgeReceipt,
    idempotent: true,
  },
  deadMessages: {
    method: 'GET',
    path: '/api/v1/topics/{topic}/groups/{group}/dead',
    answer: DeliveryPage,
  },

  submitJob: {
    method: 'POST',
    path: '/api/v1/jobs',
    body: JobSpec,
    answer: JobDetail,
    idempotent: true,
  },
  jobs: { method: 'GET', path: '/api/v1/jobs', query: JobQuery, answer: JobPage },
  job: { method: 'GET', path: '/api/v1/jobs/{id}', answer: JobDetail },
  cancelJob: {
    method: 'POST',
    path: '/api/v1/jobs/{id}/cancel',
    answer: JobDetail,
    idempotent: true,
  },
  retryJob: {
    method: 'POST',
    path: '/api/v1/jobs/{id}/retry',
    answer: JobDetail,
    idempotent: true,
  },
  claimJob: {
    method: 'POST',
    path: '/internal/v1/jobs/claim',
    body: JobClaim,
    answer: ClaimedJob.or(nothing),
  },
  renewLease: {
    method: 'PUT',
    path: '/internal/v1/jobs/{id}/lease',
    body: LeaseRenewal,
    answer: LeaseState,
  },
  reportJob: {
    method: 'PUT',
    path: '/internal/v1/jobs/{id}/result',
    body: JobReport,
    answer: nothing,
  },
} as const satisfies Record<string, ApiRoute>;

export type ApiName = keyof typeof API_ROUTES;
type Route<N extends ApiName> = (typeof API_ROUTES)[N];

/** Names in braces of a path. */
type ParamsOf<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParamsOf<Rest>
  : never;

type Part<N extends ApiName, K extends string> =
  Route<N> extends Record<K, infer S extends z.ZodType> ? { [P in K]: z.input<S> } : object;
type OptionalPart<N extends ApiName, K extends string> =
  Route<N> extends Record<K, infer S extends z.ZodType> ? { [P in K]?: z.input<S> } : object;
type Params<N extends ApiName> = [ParamsOf<Route<N>['path']>] extends [never]
  ? object
  : { params: Record<ParamsOf<Route<N>['path']>, string> };

/** What a call of that name needs. */
export type ApiInput<N extends ApiName> = Params<N> & Part<N, 'body'> & OptionalPart<N, 'query'>;
/** What it gives. */
export type ApiAnswer<N extends ApiName> = z.output<Route<N>['answer']>;
