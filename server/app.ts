/**
 * The whole server as one Hono app: the API, its description, and the page. Knows no runtime, no
 * port and no database; server/main.ts supplies them.
 */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { MAX_ANALYZE_BYTES, MAX_BODY_BYTES } from '#shared/contracts/api.ts';
import { addExamples } from './api-examples.ts';
import { type AppDeps, type AppEnv, DEFAULT_LIMITS } from './deps.ts';
import { docsPage } from './docs-page.ts';
import { leaseRoutes } from './jobs/lease-routes.ts';
import { jobRoutes } from './jobs/routes.ts';
import { originGuard, rateLimit } from './middleware/access.ts';
import { checkDeadline, startDeadline } from './middleware/deadline.ts';
import { observe } from './middleware/observe.ts';
import { readBody } from './middleware/read-body.ts';
import { bearerAuth } from './middleware/scopes.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { nissaRoutes } from './nissa/routes.ts';
import { oonaRoutes } from './oona/routes.ts';
import { createRouter } from './openapi.ts';
import { handleError, ProblemError } from './problem.ts';
import { runRoutes } from './runs/routes.ts';
import { staticFiles } from './static-files.ts';
import { StreamPlaces } from './stream-places.ts';
import { decisionRoutes } from './tamiyo/decision-routes.ts';
import { knowledgeRoutes } from './tamiyo/knowledge-routes.ts';
import { analyzeRoutes } from './tamiyo/routes.ts';
import { aliasRoutes } from './urza/alias-routes.ts';
import { blobRoutes } from './urza/blob-routes.ts';
import { blueprintRoutes } from './urza/blueprint-routes.ts';
import { kernelRoutes } from './urza/kernel-routes.ts';
import { uploadRoutes } from './urza/upload-routes.ts';

/** Paths behind the bearer token; the page and the health checks are open. */
const GUARDED = ['/api/*', '/internal/*', '/metrics'];
/** Paths with a limit of requests: those, and the check that asks every service. */
const LIMITED = [...GUARDED, '/readyz'];
const OWN_BODY = /^\/api\/v1\/(blobs\/|uploads\/[^/]+$)/;
const API_PATH = /^\/(api|internal|metrics|openapi\.json)(\/|$)/;

/** The OpenAPI document, with examples and the token's place. */
async function describe(
  app: OpenAPIHono<AppEnv>,
  info: { title: string; version: string },
): Promise<string> {
  const document = app.getOpenAPI31Document({ openapi: '3.1.0', info });
  await addExamples(document as { paths?: Record<string, object> });
  const bearer = { type: 'http', scheme: 'bearer' } as const;
  document.components = { ...document.components, securitySchemes: { bearer } };
  // The empty one: without tokens nothing is needed.
  document.security = [{}, { bearer: [] }];
  return JSON.stringify(document);
}

export function createApp(deps: AppDeps): OpenAPIHono<AppEnv> {
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const app = createRouter();
  app.use(observe(deps), securityHeaders(), originGuard(deps.hosts));
  for (const path of LIMITED) {
    app.use(
      path,
      rateLimit(deps.clock, limits.requestsPerSecond, limits.requestBurst, deps.trustedProxy),
    );
  }
  for (const path of GUARDED) app.use(path, bearerAuth(deps.tokens));
  for (const path of ['/api/*', '/internal/*']) {
    app.use(path, startDeadline(deps.clock), async (c, next) => {
      if (deps.draining.aborted) {
        c.header('Connection', 'close');
        throw new ProblemError('draining', 'The server is stopping', { retryAfterMs: 2000 });
      }
      // Blobs and pieces of them have bounds, and a queue, of their own.
      if (OWN_BODY.test(c.req.path)) return await next();
      const isAnalyze = c.req.path === '/api/v1/analyze';
      const maxBytes = isAnalyze ? MAX_ANALYZE_BYTES : MAX_BODY_BYTES;
      return await readBody(deps.clock, maxBytes, limits.bodyMs)(c, next);
    });
    app.use(path, checkDeadline(deps.clock));
  }

  const places = new StreamPlaces(deps);
  for (const routes of [
    nissaRoutes,
    blobRoutes,
    uploadRoutes,
    blueprintRoutes,
    kernelRoutes,
    aliasRoutes,
    analyzeRoutes,
    decisionRoutes,
    knowledgeRoutes,
    runRoutes,
    oonaRoutes,
    jobRoutes,
    leaseRoutes,
  ]) {
    app.route('/', routes(deps, places));
  }
  const info = { title: 'Esper Workbench', version: deps.version, license: { name: 'MIT' } };
  let description: Promise<string> | null = null;
  app.get('/openapi.json', async (c) => {
    description ??= describe(app, info);
    return c.body(await description, 200, { 'Content-Type': 'application/json' });
  });
  if (deps.docs) app.route('/', docsPage(deps.docs));

  // An unknown address of the API is an error, never the page.
  app.all('*', async (c, next) => {
    if (!API_PATH.test(c.req.path)) return await next();
    throw new ProblemError('not-found', `There is no ${c.req.method} ${c.req.path}`);
  });
  if (deps.assets) app.route('/', staticFiles(deps.assets));
  app.notFound((c) => handleError(new ProblemError('not-found', `There is no ${c.req.path}`), c));
  app.onError(handleError);
  return app;
}
