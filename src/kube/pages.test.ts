// Lists of many pages are of one state of the cluster, or say that they are not.

import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/foundation/listening.ts';
import { type Reply, type Seen, statusReply } from '../../test/foundation/scripted-api.ts';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';
import { configMaps, namespaces } from './kinds.ts';

const { start, client } = scriptedKube();

const item = (name: string) => ({ metadata: { namespace: 'a', name, resourceVersion: '1' } });
const page = (names: readonly string[], version: string, next = '', remaining?: number): Reply => ({
  body: {
    kind: 'ConfigMapList',
    apiVersion: 'v1',
    metadata: { resourceVersion: version, continue: next, ...(remaining === undefined ? {} : { remainingItemCount: remaining }) },
    items: names.map(item),
  },
});
const expired = (further?: string): Reply => {
  const { body } = statusReply(410, 'Expired', 'The provided continue parameter is too old') as { readonly body: object };
  return { status: 410, body: { ...body, metadata: { continue: further } } };
};
const asked = ({ query }: Seen) => [query.get('limit'), query.get('continue')];

describe('a list', () => {
  it('is gathered from its pages, and its objects say what they are', async () => {
    const api = await start();
    api.next(page(['x', 'y'], '5', 'next', 1), page(['z'], '5'));
    const listed = await client(api).list(configMaps, { namespace: 'a', labels: 'app=db', fields: 'metadata.name!=w' }, { limit: 2 });
    expect(listed.resourceVersion).toBe('5');
    expect(listed.items).toStrictEqual(['x', 'y', 'z'].map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', ...item(name) })));
    expect(api.seen.map(asked)).toStrictEqual([
      ['2', null],
      ['2', 'next'],
    ]);
    for (const { path, query } of api.seen) {
      expect([path, query.get('labelSelector'), query.get('fieldSelector')]).toStrictEqual([
        '/api/v1/namespaces/a/configmaps',
        'app=db',
        'metadata.name!=w',
      ]);
    }
  });

  it('that expires between two pages begins again, with nothing of the old state', async () => {
    const api = await start();
    api.next(page(['old'], '5', 'next'), expired('further'), page(['x'], '9', 'other'), page(['y'], '9'));
    const { items, resourceVersion } = await client(api).list(configMaps);
    expect([items.map(({ metadata }) => metadata.name), resourceVersion]).toStrictEqual([['x', 'y'], '9']);
  });

  it('that keeps expiring is asked for in one piece', async () => {
    const api = await start();
    api.otherwise(({ query }) =>
      query.get('limit') === null ? page(['x'], '9') : query.get('continue') === null ? page(['old'], '5', 'next') : expired(),
    );
    expect((await client(api).list(configMaps)).items).toHaveLength(1);
  });

  it('of what has no namespace in a namespace is refused', async () => {
    const api = await start();
    expect(await refusalOf(() => client(api).list(namespaces, { namespace: 'a' }))).toMatchObject({ code: 'usage' });
  });
});

describe('pages', () => {
  it('are asked for one by one, as they are wanted', async () => {
    const api = await start();
    api.next(page(['x'], '5', 'next', 1), page(['y'], '5'));
    for await (const { remaining, consistent } of client(api).pages(configMaps, {}, { resourceVersion: '0' })) {
      expect({ remaining, consistent }).toStrictEqual({ remaining: 1, consistent: true });
      break;
    }
    expect(api.seen).toHaveLength(1);
    expect([api.seen[0]?.query.get('resourceVersion'), api.seen[0]?.path]).toStrictEqual(['0', '/api/v1/configmaps']);
  });

  it('that expire say so', async () => {
    const api = await start();
    api.next(page(['x'], '5', 'next'), expired('further'));
    const pages = client(api).pages(configMaps);
    await pages.next();
    const fault = await refusalOf(() => pages.next());
    expect(fault).toMatchObject({ code: 'conflict', reason: 'Expired', continueAt: 'further' });
    expect(fault.message).toContain('start again');
  });

  it('that expire may go on from a newer state, and say that as well', async () => {
    const api = await start();
    api.next(page(['x'], '5', 'next'), expired('further'), page(['y'], '9', 'last'), page(['z'], '9'));
    const seen = [];
    for await (const { items, consistent } of client(api).pages(configMaps, {}, { expired: 'go-on' }))
      seen.push([items[0]?.metadata.name, consistent]);
    expect(seen).toStrictEqual([
      ['x', true],
      ['y', false],
      ['z', false],
    ]);
    expect(api.seen.map(asked).map(([, token]) => token)).toStrictEqual([null, 'next', 'further', 'last']);
  });
});
