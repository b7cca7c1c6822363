// What the plugin answers over HTTP on the loopback interface: whether it lives, whether its keys answer, its metrics.

import type { IncomingMessage, ServerResponse } from 'node:http';

export interface HealthParts {
  /** Each provider with `ok` or what is wrong. */
  readonly health: () => readonly { readonly name: string; readonly healthz: string }[];
  readonly metrics: () => string;
}

/** `/livez`, `/readyz` and `/metrics`. */
export function healthHandler({ health, metrics }: HealthParts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(request.method === 'HEAD' ? '' : text);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET is answered here\n');
    switch ((request.url ?? '').split('?')[0]) {
      case '/livez':
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz': {
        const found = health();
        const lines = found.map(({ name, healthz }) => `${healthz === 'ok' ? '[+]' : '[-]'}${name} ${healthz}\n`).join('');
        return answer(found.every(({ healthz }) => healthz === 'ok') ? 200 : 503, lines);
      }
      case '/metrics':
        return answer(200, metrics(), 'text/plain; version=0.0.4; charset=utf-8');
      default:
        return answer(404, 'there are /livez, /readyz and /metrics\n');
    }
  };
}
