// A watch tells every final state once, whatever becomes of connections, servers and what they remember.

import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { refusalOf, timed } from '../../test/foundation/listening.ts';
import { type Reply, type ScriptedApi, statusReply } from '../../test/foundation/scripted-api.ts';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';
import type { Fault } from '../base/fault.ts';
import { configMaps } from './kinds.ts';
import type { Change } from './known-objects.ts';
import type { KubeObject } from './object.ts';
import type { WatchOptions } from './watch.ts';

const { start, client, afterwards } = scriptedKube();

const pace = { first: 5, longest: 20 };
const item = (name: string, version: string, uid = name): KubeObject => ({
  metadata: { namespace: 'a', name, uid, resourceVersion: version },
});
const list = (version: string, ...items: KubeObject[]): Reply => ({ body: { metadata: { resourceVersion: version }, items } });
const event = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const bookmark = (version: string) => event('BOOKMARK', { metadata: { resourceVersion: version } });
const gone = (code = 410, reason = 'Expired', causes: object[] = []) =>
  event('ERROR', { kind: 'Status', code, reason, message: 'too old resource version', details: { causes } });
/** A watch that says these lines and then stays open, or ends. */
const open = (...lines: string[]): Reply => ({ stream: (response) => void response.write(lines.join('')) });
const ended = (...lines: string[]): Reply => ({ stream: (response) => void response.end(lines.join('')) });
const cut = (...lines: string[]): Reply => ({
  stream: (response: ServerResponse) => void response.write(lines.join(''), () => response.destroy()),
});

function told(change: Change<KubeObject>): string {
  if (change.type === 'synced') return 'synced';
  if (change.type === 'deleted') return `deleted ${change.name}`;
  return `${change.type} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}`;
}

/** The first `count` changes, then what else comes within a moment. */
async function changesOf(api: ScriptedApi, count: number, options: WatchOptions = {}): Promise<string[]> {
  const stop = new AbortController();
  const changes: string[] = [];
  afterwards(() => stop.abort());
  for await (const change of client(api).watch(configMaps, {}, { pace, signal: stop.signal, ...options })) {
    changes.push(told(change));
    if (changes.length === count) setTimeout(() => stop.abort(), 60);
  }
  return changes;
}

describe('a watch', () => {
  it('tells what is there, that this is all, and each change', async () => {
    const api = await start();
    const first = item('x', '1');
    api.next(
      list('5', first, item('y', '2')),
      open(event('MODIFIED', item('x', '6')), event('ADDED', item('z', '7')), event('DELETED', item('y', '8'))),
    );
    expect(await changesOf(api, 6)).toStrictEqual(['added x@1', 'added y@2', 'synced', 'modified x@6', 'added z@7', 'deleted y']);
    const query = api.seen[1]?.query;
    expect([query?.get('watch'), query?.get('resourceVersion'), query?.get('allowWatchBookmarks')]).toStrictEqual(['true', '5', 'true']);
    expect(Number(query?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);
  });

  it('goes on where it was when the connection ends, is cut in the middle of an event, or only bookmarks came', async () => {
    const api = await start();
    api.next(
      list('5'),
      ended(event('ADDED', item('x', '6'))),
      list('8'),
      cut(event('MODIFIED', item('x', '7')), event('ADDED', item('y', '8')).slice(0, 30)),
      list('8'),
      ended(bookmark('20')),
      list('20'),
      open(event('ADDED', item('y', '21'))),
    );
    expect(await changesOf(api, 4)).toStrictEqual(['synced', 'added x@6', 'modified x@7', 'added y@21']);
    expect(api.seen.map(({ query }) => query.get('resourceVersion'))).toStrictEqual([null, '5', null, '6', null, '7', null, '20']);
  });

  it('reads events from whatever pieces they come in', async () => {
    const api = await start();
    const text = event('ADDED', item('ü', '6')) + event('ADDED', item('y', '7'));
    const dripping: Reply = {
      stream: (response) => {
        void (async () => {
          for (const byte of Buffer.from(text)) {
            response.write(Buffer.of(byte));
            await new Promise(setImmediate);
          }
        })();
      },
    };
    api.next(list('5'), dripping);
    expect(await changesOf(api, 3)).toStrictEqual(['synced', 'added ü@6', 'added y@7']);
  });

  it.each([
    ['in the stream', () => open(gone())],
    ['as the answer', () => statusReply(410, 'Expired', 'too old resource version')],
    ['by a restored etcd that knows no such state yet', () => open(gone(504, 'Timeout', [{ reason: 'ResourceVersionTooLarge' }]))],
    ['by a restored etcd whose bookmarks go back', () => open(bookmark('3'))],
  ])('lists again when its state is forgotten %s, and tells only what is different', async (_how, reply) => {
    const api = await start();
    api.next(
      list('5', item('same', '1'), item('changed', '2'), item('gone', '3'), item('replaced', '4', 'first')),
      reply(),
      list('9', item('same', '1'), item('changed', '8'), item('new', '7'), item('replaced', '6', 'second')),
      open(event('MODIFIED', item('same', '10'))),
    );
    expect(await changesOf(api, 11)).toStrictEqual([
      'added same@1',
      'added changed@2',
      'added gone@3',
      'added replaced@4',
      'synced',
      'deleted gone',
      'modified changed@8',
      'added new@7',
      'deleted replaced',
      'added replaced@6',
      'modified same@10',
    ]);
    expect(api.seen[3]?.query.get('resourceVersion')).toBe('9');
  });

  it('lists again when etcd is at an older state than before, since the server would stay silent', async () => {
    const api = await start();
    api.next(list('50', item('x', '40'), item('y', '3')), ended(), list('7'), list('7', item('x', '6')), open(), list('7'), open());
    const changes = await changesOf(api, 5, { quiet: 80 });
    expect(changes).toStrictEqual(['added x@40', 'added y@3', 'synced', 'deleted y', 'modified x@6']);
    expect(api.seen[2]?.query.get('limit')).toBe('1');
  });

  it('that may not be asked for the newest state goes on all the same', async () => {
    const api = await start();
    const forbidden = statusReply(403, 'Forbidden', 'forbidden', { kind: 'configmaps' });
    api.next(list('5'), ended(), forbidden, open(event('ADDED', item('x', '6'))));
    expect(await changesOf(api, 2)).toStrictEqual(['synced', 'added x@6']);
  });

  it('does not tell a state twice that a server tells twice', async () => {
    const api = await start();
    const twice = event('ADDED', item('x', '6'));
    api.next(
      list('5', item('w', '5')),
      open(event('ADDED', item('w', '5')), twice, twice, event('DELETED', item('never', '7')), event('ADDED', item('x', '8'))),
    );
    expect(await changesOf(api, 4)).toStrictEqual(['added w@5', 'synced', 'added x@6', 'modified x@8']);
  });

  it('gives the last state of what is deleted, where it was seen, and only the name where it was not', async () => {
    const api = await start();
    api.next(
      list('5', item('x', '1'), item('y', '2')),
      open(event('DELETED', { ...item('x', '6'), data: { k: 'v' } }), gone()),
      list('9'),
      open(),
    );
    const deleted: Change<KubeObject>[] = [];
    for await (const change of client(api).watch(configMaps, {}, { pace })) {
      if (change.type === 'deleted' && deleted.push(change) === 2) break;
    }
    expect(deleted).toStrictEqual([
      { type: 'deleted', name: 'x', namespace: 'a', uid: 'x', object: { ...item('x', '6'), data: { k: 'v' } } },
      { type: 'deleted', name: 'y', namespace: 'a', uid: 'y', object: undefined },
    ]);
  });

  it('takes a silent connection for dead', async () => {
    const api = await start();
    api.next(list('5'), open(), list('5'), open(event('ADDED', item('x', '6'))));
    const troubles: Fault[] = [];
    expect(await changesOf(api, 2, { quiet: 80, onTrouble: (trouble) => troubles.push(trouble) })).toContain('added x@6');
    expect(troubles[0]).toMatchObject({ code: 'timeout', message: 'the watch was silent for too long' });
  });

  it('does not take a slow reader for a silent server', async () => {
    const api = await start();
    api.next(list('5'), open(event('ADDED', item('x', '6')), event('ADDED', item('y', '7'))));
    const seen: string[] = [];
    for await (const change of client(api).watch(configMaps, {}, { pace, quiet: 60 })) {
      seen.push(told(change));
      if (seen.length === 3) break;
      await sleep(150);
    }
    expect(seen).toStrictEqual(['synced', 'added x@6', 'added y@7']);
    expect(api.seen).toHaveLength(2);
  });

  it('waits for a server that is away, and says so meanwhile', async () => {
    const api = await start();
    api.next(list('5', item('x', '1')), ended());
    const troubles: Fault[] = [];
    api.otherwise(() => ({ cut: true }));
    const watching = changesOf(api, 3, { onTrouble: (trouble) => troubles.push(trouble) });
    await sleep(150);
    await api.stop();
    await sleep(150);
    const back = await start({ port: api.port });
    back.otherwise(({ query }) => (query.get('watch') === 'true' ? open(event('MODIFIED', item('x', '6'))) : list('5')));
    expect(await watching).toStrictEqual(['added x@1', 'synced', 'modified x@6']);
    expect(back.seen.map(({ query }) => query.get('resourceVersion'))).toStrictEqual([null, '5']);
    expect(troubles.map(({ code }) => code)).toContain('unavailable');
    expect(troubles.at(-1)?.message).toContain('connection refused');
  });

  it('does not ask without pause when every connection ends at once', async () => {
    const api = await start();
    api.next(list('5'));
    api.otherwise(({ query }) => (query.get('watch') === 'true' ? ended() : list('5')));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 500);
    for await (const _ of client(api).watch(configMaps, {}, { signal: stop.signal, pace: { first: 50, longest: 100 } }));
    expect(api.seen.length).toBeGreaterThan(6);
    expect(api.seen.length).toBeLessThan(30);
  });

  it.each([
    ['it may not list', statusReply(403, 'Forbidden', 'configmaps is forbidden', { kind: 'configmaps' }), 'permission-denied'],
    ['the kind is not served', { status: 404, body: '404 page not found' }, 'unsupported-path'],
    ['the selector is wrong', statusReply(400, 'BadRequest', 'unable to parse'), 'invalid-request'],
  ] as const)('ends with a fault at the beginning when %s', async (_what, reply, code) => {
    const api = await start();
    api.otherwise(() => reply);
    expect(await refusalOf(() => changesOf(api, 1))).toMatchObject({ code });
  });

  it('goes on when permission or kind are taken away later, and finds them again', async () => {
    const api = await start();
    const forbidden = statusReply(403, 'Forbidden', 'forbidden', { kind: 'configmaps' });
    api.next(list('5', item('x', '1')), open(gone()), forbidden, { status: 404, body: '404 page not found' }, list('9'), open());
    expect(await changesOf(api, 3)).toStrictEqual(['added x@1', 'synced', 'deleted x']);
  });

  it.each(['list', 'watch', 'pause'])('ends quietly and at once when it is stopped during its %s', async (phase) => {
    const api = await start();
    if (phase !== 'list') api.next(list('5'));
    api.otherwise(() => (phase === 'watch' ? open() : phase === 'list' ? { hang: true } : { cut: true }));
    const stop = new AbortController();
    let ended = 0;
    const took = await timed(async () => {
      setTimeout(() => {
        ended = performance.now();
        stop.abort();
      }, 150);
      for await (const _ of client(api).watch(configMaps, {}, { signal: stop.signal, pace: { first: 5_000, longest: 5_000 } }));
    });
    expect(took).toBeGreaterThan(140);
    expect(performance.now() - ended).toBeLessThan(500);
  });

  it('lets go of its connection when the loop is left', async () => {
    const api = await start();
    const closed = Promise.withResolvers<void>();
    api.next(list('5'), {
      stream: (response) => {
        response.on('close', closed.resolve);
        response.write(event('ADDED', item('x', '6')));
      },
    });
    for await (const change of client(api).watch(configMaps)) if (change.type === 'added') break;
    await closed.promise;
  });
});
