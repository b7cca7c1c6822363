// A rewrite against scripted servers: failures that no real API server shows when asked, and what stands in a cursor.

import { describe, expect, it, vi } from 'vitest';
import { refusalOf } from '../../../test/foundation/listening.ts';
import { type Reply, type ScriptedApi, type Seen, statusReply } from '../../../test/foundation/scripted-api.ts';
import { scriptedKube } from '../../../test/foundation/scripted-kube.ts';
import { secrets } from '../../kube/kinds.ts';
import { isNewer, type RewriteOptions, type RewriteReport, rewriteResources } from './rewrite.ts';
import { mostRefusedNames, type RewriteCursor } from './rewrite-report.ts';

const { start, client } = scriptedKube();
const now = () => performance.now();

interface Script {
  /** Number of objects. */
  readonly count: number;
  readonly patch: (name: string, request: Seen) => Reply;
  readonly list?: (request: Seen) => Reply | undefined;
}

const metadataOf = (name: string, resourceVersion: string) => ({ metadata: { namespace: 'a', name, uid: `uid-${name}`, resourceVersion } });
const rewritten = (name: string): Reply => ({ body: metadataOf(name, '900') });

/** Serves `count` Secrets, lists them page by page, and answers patches as the test says. */
async function serving({ count, patch, list }: Script): Promise<ScriptedApi> {
  const api = await start();
  api.otherwise((request) => {
    const { method, path, query } = request;
    if (method === 'POST') return { status: 201, body: { status: { allowed: true } } };
    if (method !== 'GET') return patch(path.split('/').at(-1) as string, request);
    if (path !== '/api/v1/secrets') return { body: metadataOf(path.split('/').at(-1) as string, '5') };
    const given = query.get('limit') === '1' ? undefined : list?.(request);
    if (given !== undefined) return given;
    const from = Number(query.get('continue') ?? 0);
    const end = Math.min(count, from + Number(query.get('limit')));
    const items = Array.from({ length: end - from }, (_, index) => metadataOf(`s-${from + index}`, '5'));
    const next = end < count ? { continue: String(end), remainingItemCount: count - end } : {};
    return { body: { metadata: { resourceVersion: '100', ...next }, items } };
  });
  return api;
}

function run(api: ScriptedApi, options: Partial<RewriteOptions> = {}, signal = new AbortController().signal): Promise<RewriteReport> {
  return rewriteResources({ clients: [client(api)], resources: [secrets], now, pageSize: 10, ...options }, signal);
}

const patches = ({ seen }: ScriptedApi) => seen.filter(({ method }) => method === 'PATCH');

describe('each object', () => {
  it('of a kind without Protocol Buffers is patched with nothing but the mark of what was listed', async () => {
    const api = await serving({ count: 1, patch: rewritten });
    const { counts } = await run(api);
    expect(counts).toStrictEqual({ rewritten: 1, current: 0, changed: 0, gone: 0, refused: 0 });
    const [patch] = patches(api);
    expect(patch?.path).toBe('/api/v1/namespaces/a/secrets/s-0');
    expect(JSON.parse(patch?.body ?? '')).toStrictEqual({ metadata: { uid: 'uid-s-0', resourceVersion: '5' } });
    expect(patch?.headers['content-type']).toBe('application/merge-patch+json');
    for (const { headers } of api.seen.filter(({ method }) => method !== 'POST'))
      expect(headers.accept).toMatch(
        /^(application\/vnd\.kubernetes\.protobuf, )?application\/json;as=PartialObjectMetadata(List)?;g=meta\.k8s\.io;v=v1$/,
      );
  });

  const outcomes: readonly (readonly [string, Reply, object])[] = [
    ['that the server left as it was is current', { body: metadataOf('s-0', '5') }, { current: 1 }],
    ['that is no longer there is gone', statusReply(404, 'NotFound', 'secrets "s-0" not found', { name: 's-0' }), { gone: 1 }],
    [
      'that is not valid is refused',
      statusReply(422, 'Invalid', 'no', { causes: [{ field: 'spec.a', reason: 'FieldValueInvalid' }] }),
      { refused: 1 },
    ],
    ['that a webhook denies is refused', statusReply(403, 'Forbidden', 'admission webhook "x" denied the request'), { refused: 1 }],
    ['that is too large is refused', statusReply(413, 'RequestEntityTooLarge', 'too large'), { refused: 1 }],
    ['on which the server fails again and again is refused', statusReply(500, 'InternalError', 'failed calling webhook'), { refused: 1 }],
    ['whose conflict is none of versions is refused', statusReply(409, 'Conflict', 'quota'), { refused: 1 }],
  ];
  it.each(outcomes)('%s', async (_what, reply, expected) => {
    const api = await serving({ count: 1, patch: () => reply });
    expect((await run(api)).counts).toMatchObject(expected);
  });

  it('that is refused is told with its field, and without the value that the server shows', async () => {
    const causes = [{ field: 'spec.password', reason: 'FieldValueInvalid', message: 'Invalid value: "hunter2"' }];
    const api = await serving({
      count: 1,
      patch: () => statusReply(422, 'Invalid', 'spec.password: Invalid value: "hunter2"', { causes }),
    });
    expect((await run(api)).refused).toStrictEqual([
      { resource: 'secrets', object: 'a/s-0', reason: 'Invalid: spec.password (FieldValueInvalid)' },
    ]);
  });

  it('that is refused counts, however many there are, while the list of names stays short', async () => {
    const api = await serving({ count: 150, patch: () => statusReply(403, 'Forbidden', 'no') });
    const { counts, refused } = await run(api);
    expect(counts.refused).toBe(150);
    expect(refused).toHaveLength(mostRefusedNames);
  });
});

describe('a server', () => {
  it('that is busy is asked again, later and for less at a time', async () => {
    let busy = 6;
    const api = await serving({
      count: 30,
      patch: (name) =>
        busy-- > 0 ? { status: 429, headers: { 'Retry-After': '0', 'X-Kubernetes-PF-PriorityLevel-UID': 'level' } } : rewritten(name),
    });
    const seen: number[] = [];
    const { counts, throttling } = await run(api, { onProgress: ({ concurrency }) => seen.push(concurrency) });
    expect(counts.rewritten).toBe(30);
    expect(throttling).toStrictEqual({ answers: 6, priorityLevel: 'level' });
    expect(Math.min(...seen)).toBeLessThan(8);
  });

  it('whose connections break off is asked again', async () => {
    let broken = 3;
    const api = await serving({ count: 20, patch: (name) => (broken-- > 0 ? { cut: true } : rewritten(name)) });
    expect((await run(api)).counts.rewritten).toBe(20);
  });

  it('that answers nothing for too long ends the run', async () => {
    const api = await serving({ count: 20, patch: () => ({ hang: true }) });
    const fault = await refusalOf(() => run(api, { timeout: 50, patience: 200 }));
    expect(fault).toMatchObject({ code: 'unavailable', message: expect.stringContaining('go on when the API server is well') });
  });

  it('that fails on everything ends the run instead of counting all objects as refused', async () => {
    const api = await serving({ count: 200, patch: () => statusReply(500, 'InternalError', 'the KMS is away') });
    const fault = await refusalOf(() => run(api));
    expect(fault).toMatchObject({ code: 'internal', message: expect.stringContaining('the KMS is away') });
  });

  it('that does not take the credentials ends the run after they were renewed', async () => {
    const api = await serving({ count: 1, patch: () => statusReply(401, 'Unauthorized', 'Unauthorized') });
    let renewed = 0;
    const renew = () => void renewed++;
    expect(await refusalOf(() => run(api, { clients: [client(api, { renew })] }))).toMatchObject({ code: 'permission-denied' });
    expect(renewed).toBeGreaterThan(0);
    expect(patches(api)).toHaveLength(2);
  });

  it('that forgets its list and offers no place to go on is listed anew, and what was written since costs no call', async () => {
    let forgotten = false;
    const api = await serving({
      count: 30,
      patch: rewritten,
      list: ({ query }) => {
        if (!forgotten && query.get('continue') === '20') {
          forgotten = true;
          return statusReply(410, 'Expired', 'too old');
        }
        if (!forgotten || query.get('continue') !== null) return undefined;
        const items = [metadataOf('s-0', '900'), metadataOf('s-29', '5'), metadataOf('s-30', '101')];
        return { body: { metadata: { resourceVersion: '999' }, items } };
      },
    });
    const { counts } = await run(api);
    expect(counts).toMatchObject({ changed: 2, rewritten: 1 });
    expect(patches(api)).toHaveLength(21);
  });
});

describe('a cursor', () => {
  it('is handed over after each page, and the run waits for it before the page after the next', async () => {
    const api = await serving({ count: 50, patch: rewritten });
    const cursors: RewriteCursor[] = [];
    const hold = Promise.withResolvers<void>();
    const running = run(api, {
      async onCursor(cursor) {
        cursors.push(cursor);
        if (cursors.length === 1) await hold.promise;
      },
    });
    await vi.waitFor(() => expect(patches(api)).toHaveLength(20), { timeout: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(cursors).toHaveLength(1);
    expect(patches(api)).toHaveLength(20);
    hold.resolve();
    await running;
    expect(cursors.map(({ at }) => at?.next)).toStrictEqual(['10', '20', '30', '40', undefined]);
    expect(cursors.at(-1)).toMatchObject({ done: [{ resource: 'secrets', counts: { rewritten: 50 } }] });
  });

  it('that cannot be written down ends the run', async () => {
    const api = await serving({ count: 50, patch: rewritten });
    const running = run(api, { onCursor: () => Promise.reject(new Error('disk full')) });
    await expect(running).rejects.toThrow('disk full');
    expect(patches(api).length).toBeLessThanOrEqual(20);
  });

  it('brings back what was counted and refused before', async () => {
    const api = await serving({ count: 30, patch: rewritten });
    const counts = { rewritten: 9, current: 0, changed: 0, gone: 0, refused: 1 };
    const refused = [{ resource: 'secrets', object: 'a/s-3', reason: 'no' }];
    const at = { resource: 'secrets', next: '10', since: '50', counts, last: 'a/s-9' };
    const report = await run(api, { cursor: { version: 1, done: [], at, refused } });
    expect(report.counts).toStrictEqual({ rewritten: 29, current: 0, changed: 0, gone: 0, refused: 1 });
    expect(report.refused).toStrictEqual(refused);
  });
});

it.each([
  ['101', '100', true],
  ['100', '100', false],
  ['99', '100', false],
  ['1000', '999', true],
  ['', '100', false],
  ['abc', '100', false],
  ['200', '', false],
])('version %j is newer than %j: %j', (version, since, expected) => {
  expect(isNewer(version, since)).toBe(expected);
});
