/** The API as typed calls over a service client, the same for page, CLI and worker. */
import {
  API_ROUTES,
  type ApiAnswer,
  type ApiInput,
  type ApiName,
  type ApiRoute,
} from '../contracts/api-routes.ts';
import type { ServiceClient } from './http-client.ts';
import type { ServiceRequest } from './service-client-options.ts';

export type ApiCallOptions = Pick<
  ServiceRequest,
  'headers' | 'deadlineMs' | 'retries' | 'whenOpen' | 'signal'
>;

export interface ApiClient {
  /**
   * @throws {ServiceError} As ServiceClient does; of kind `answer` if the answer breaks the
   *   contract.
   */
  call<N extends ApiName>(
    name: N,
    input: ApiInput<N>,
    options?: ApiCallOptions,
  ): Promise<ApiAnswer<N>>;
}

export function createApiClient(service: Pick<ServiceClient, 'requestJson'>): ApiClient {
  return {
    call<N extends ApiName>(name: N, input: ApiInput<N>, options: ApiCallOptions = {}) {
      const route: ApiRoute = API_ROUTES[name];
      const { params, query, body } = input as {
        params?: Record<string, string>;
        query?: Record<string, unknown>;
        body?: unknown;
      };
      return service.requestJson(
        pathOf(route.path, params ?? {}) + queryOf(query ?? {}),
        (value) => route.answer.parse(value) as ApiAnswer<N>,
        {
          ...options,
          method: route.method,
          ...(body === undefined ? {} : { body }),
          ...(route.idempotent ? { idempotent: true } : {}),
        },
      );
    },
  };
}

function pathOf(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}

function queryOf(query: Readonly<Record<string, unknown>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
