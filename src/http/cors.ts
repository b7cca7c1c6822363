// Cross-origin access: which pages of other origins a browser lets read our answers, as Vault decides it.

export interface Cors {
  /** `*` alone, or origins as browsers send them. */
  readonly allowedOrigins: readonly string[];
  readonly allowedHeaders: readonly string[];
  readonly allowCredentials: boolean;
}

/** What is added to an answer, or answered in its place. */
export type CorsVerdict =
  | { readonly kind: 'headers' | 'preflight'; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'refused'; readonly status: 403 | 405; readonly errors: readonly string[] };

const methods = ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'LIST', 'SCAN'];

export function corsVerdict({ allowedOrigins, allowedHeaders, allowCredentials }: Cors, request: CorsRequest): CorsVerdict {
  const { origin } = request;
  const anyOrigin = allowedOrigins.length === 1 && allowedOrigins[0] === '*';
  if (!anyOrigin && !allowedOrigins.includes(origin)) return { kind: 'refused', status: 403, errors: ['origin not allowed'] };
  const common = {
    'access-control-allow-origin': origin,
    vary: 'Origin',
    ...(allowCredentials ? { 'access-control-allow-credentials': 'true' } : {}),
  };
  if (request.method !== 'OPTIONS') return { kind: 'headers', headers: common };
  if (!methods.includes(request.wantedMethod ?? '')) return { kind: 'refused', status: 405, errors: [] };
  return {
    kind: 'preflight',
    headers: {
      ...common,
      'access-control-allow-methods': methods.join(','),
      'access-control-allow-headers': allowedHeaders.join(','),
      'access-control-max-age': '300',
    },
  };
}

export interface CorsRequest {
  readonly origin: string;
  readonly method: string | undefined;
  /** Of a preflight request, what the page wants to send. */
  readonly wantedMethod: string | undefined;
}
