// Random requests: never a fault of the server, never a hang, never an error that is not JSON, and a server that goes on.

import { Agent, request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { exchange, request as rawRequest } from './raw-socket.ts';
import { damaged, type Shot, shots } from './shots.ts';

let server: TestServer;
let sealed: TestServer;
let limited = '';
const agent = new Agent({ keepAlive: true, maxSockets: 4 });

beforeAll(async () => {
  server = await startTestServer({ listenAt: { maxBodyBytes: 100_000, limits: { headersTimeout: 150, requestTimeout: 300 } } });
  sealed = await startTestServer();
  await sealed.server.seal();
  for (const [path, type] of [
    ['kv', 'kv'],
    ['kv2', 'kv-v2'],
    ['transit', 'transit'],
    ['sane', 'kv'],
  ] as const)
    await server.call('POST', `sys/mounts/${path}`, { body: { type } });
  await server.call('POST', 'transit/keys/a', { body: { exportable: true, allow_plaintext_backup: true } });
  await server.call('POST', 'sane/a', { body: { v: 'sane' } });
  limited = (await server.call('POST', 'auth/token/create', { body: { policies: ['default'] } })).body.auth.client_token;
});
afterEach(async () => {
  expect((await server.call('GET', 'sane/a')).body.data).toStrictEqual({ v: 'sane' });
  expect((await server.call('LIST', 'sane')).body.data).toStrictEqual({ keys: ['a'] });
});
afterAll(async () => {
  agent.destroy();
  await server.end();
  await sealed.end();
});

const shot = shots(() => ({ root: server.rootToken, limited, unknown: 'hvs.unknown' }));

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function fire({ port, host }: TestServer, { method: verb, path: target, headers: sent, body: payload }: Shot): Promise<Answer> {
  const withBody = verb !== 'GET' && verb !== 'HEAD' && verb !== 'LIST' && verb !== 'TRACE';
  return new Promise((resolve, reject) => {
    const length = withBody ? { 'content-length': String(Buffer.byteLength(payload)) } : {};
    const sending = httpRequest(
      { host, port, agent, method: verb, path: target, headers: { ...sent, ...length }, timeout: 5_000 },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body: Buffer.concat(parts).toString(),
          }),
        );
      },
    );
    sending.on('timeout', () => sending.destroy(new Error('no answer within five seconds')));
    sending.on('error', reject);
    sending.end(withBody ? payload : undefined);
  });
}

/** What every answer keeps, whatever was asked. */
function check(sent: Shot, { status, type, body: text }: Answer, allowed: (status: number) => boolean): void {
  expect(allowed(status), `status ${status}: ${text}`).toBe(true);
  if (status < 400 || sent.method === 'HEAD') return;
  expect(type).toBe('application/json');
  const parsed = JSON.parse(text);
  // The health of a sealed server is an answer, although its status is that of an error.
  if (sent.path.startsWith('/v1/sys/health') && 'initialized' in parsed) return;
  // Some answers are a 404 with all that is known: of a deleted version, of a misplaced path.
  if (status !== 404 || 'errors' in parsed) expect(parsed.errors).toBeInstanceOf(Array);
  else expect(parsed).toHaveProperty('request_id');
}

const runs = { numRuns: 500, endOnFailure: true } as const;

describe('random requests', () => {
  it('are answered with what they asked for, or with an error that is the client’s', async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(shot, async (sent) => {
        const answer = await fire(server, sent);
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
        check(sent, answer, (status) => status < 500);
      }),
      runs,
    );
    // A test whose every request is refused at the door tests the door alone.
    for (const status of [200, 204, 400, 403, 404, 405]) expect(seen.get(status) ?? 0, `answers with ${status}`).toBeGreaterThan(0);
  });

  it('to a sealed server are refused because it is sealed, or before that', async () => {
    await fc.assert(
      fc.asyncProperty(shot, async (sent) => {
        const answer = await fire(sealed, sent);
        check(sent, answer, (status) => status < 500 || status === 503);
        expect(answer.body).not.toContain('client_token');
      }),
      { ...runs, numRuns: 200 },
    );
    expect((await sealed.call('GET', 'sys/seal-status')).body).toMatchObject({ sealed: true, initialized: true });
  });
});

describe('damaged requests', () => {
  it('are refused in JSON or dropped, in their time, and never answered with a fault of the server', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(damaged, { minLength: 24, maxLength: 24 }), async (all) => {
        const results = await Promise.all(
          all.map(async ({ verb, edits, cut }) => {
            const payload = verb === 'POST' ? '{"v":"fuzz"}' : '';
            let bytes = Buffer.from(
              rawRequest(`${verb} /v1/kv/fuzz`, { 'x-vault-token': server.rootToken, 'content-length': String(payload.length) }, payload),
            );
            for (const { at, drop, add } of edits) {
              const place = Math.floor(at * bytes.length);
              bytes = Buffer.concat([bytes.subarray(0, place), add, bytes.subarray(place + drop)]);
            }
            return exchange(server, [bytes.subarray(0, cut), bytes.subarray(cut)], { answers: 1, end: true, pause: 0, patience: 4_000 });
          }),
        );
        for (const { answers, closed, text } of results) {
          expect(answers.length > 0 || closed, `neither an answer nor an end: ${JSON.stringify(text)}`).toBe(true);
          for (const { status, body: answer } of answers) {
            expect(status, answer).toBeLessThan(500);
            if (status >= 400 && answer !== '') expect(JSON.parse(answer)).toHaveProperty('errors');
          }
        }
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});

describe('the log', () => {
  it('told of no request that failed', () => {
    expect(server.logged()).not.toContain('"level":"error"');
    expect(sealed.logged()).not.toContain('"level":"error"');
  });
});
