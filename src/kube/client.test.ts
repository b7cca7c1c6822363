// What the client asks of an API server, and what it makes of the answers: absence, unknown kinds, numbers, refusals.

import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/foundation/listening.ts';
import { statusReply } from '../../test/foundation/scripted-api.ts';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';
import type { KubeClient } from './client.ts';
import { configMaps, namespaces, secrets, serviceAccounts, type TokenRequest, tokenReviews } from './kinds.ts';
import { alreadyExists, isConflict, KubeFault } from './kube-fault.ts';

const { start, client } = scriptedKube();

const ref = { namespace: 'a', name: 'x' };
const widgets = { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };

describe('requests', () => {
  const cases: readonly (readonly [string, (kube: KubeClient) => Promise<unknown>, string, string | undefined, object | undefined])[] = [
    ['get', (kube) => kube.get(secrets, ref), 'GET /api/v1/namespaces/a/secrets/x', undefined, undefined],
    [
      'get of a status',
      (kube) => kube.get(widgets, ref, { subresource: 'status' }),
      'GET /apis/example.com/v1/namespaces/a/widgets/x/status',
      undefined,
      undefined,
    ],
    ['get without namespace', (kube) => kube.get(namespaces, { name: 'a' }), 'GET /api/v1/namespaces/a', undefined, undefined],
    [
      'create',
      (kube) => kube.create(configMaps, { metadata: { namespace: 'a', generateName: 'x-' }, data: { k: 'v' } }),
      'POST /api/v1/namespaces/a/configmaps?fieldManager=casemate-test',
      'application/json',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'a', generateName: 'x-' }, data: { k: 'v' } },
    ],
    [
      'create at an object',
      (kube) => kube.createAt<TokenRequest>(serviceAccounts, ref, 'token', { spec: { audiences: ['vault'] } }),
      'POST /api/v1/namespaces/a/serviceaccounts/x/token',
      'application/json',
      { spec: { audiences: ['vault'] } },
    ],
    [
      'replace in a dry run',
      (kube) => kube.replace(configMaps, { metadata: ref }, { dryRun: true }),
      'PUT /api/v1/namespaces/a/configmaps/x?fieldManager=casemate-test&dryRun=All',
      'application/json',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: ref },
    ],
    [
      'forced apply',
      (kube) => kube.apply(widgets, { metadata: ref }, { force: true, subresource: 'status' }),
      'PATCH /apis/example.com/v1/namespaces/a/widgets/x/status?fieldManager=casemate-test&force=true',
      'application/apply-patch+yaml',
      { apiVersion: 'example.com/v1', kind: 'Widget', metadata: ref },
    ],
    ...(['merge', 'strategic', 'json'] as const).map(
      (type) =>
        [
          `${type} patch`,
          (kube: KubeClient) => kube.patch(configMaps, ref, type, { data: null }),
          'PATCH /api/v1/namespaces/a/configmaps/x?fieldManager=casemate-test',
          {
            merge: 'application/merge-patch+json',
            strategic: 'application/strategic-merge-patch+json',
            json: 'application/json-patch+json',
          }[type],
          { data: null },
        ] as const,
    ),
    [
      'remove',
      (kube) => kube.remove(configMaps, ref, { uid: 'u', dependents: 'orphan' }),
      'DELETE /api/v1/namespaces/a/configmaps/x',
      'application/json',
      { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Orphan', preconditions: { uid: 'u' } },
    ],
    ['raw', (kube) => kube.raw('/readyz?verbose'), 'GET /readyz?verbose=', undefined, undefined],
  ];

  it.each(cases)('%s', async (_what, act, expected, contentType, body) => {
    const api = await start();
    api.otherwise(() => ({ body: { metadata: {} } }));
    await act(client(api));
    const [seen] = api.seen;
    const query = seen?.query.toString();
    expect(`${seen?.method} ${seen?.path}${query === '' ? '' : `?${query}`}`).toBe(expected);
    expect(seen?.headers['content-type']).toBe(contentType);
    expect(seen?.body === '' ? undefined : JSON.parse(seen?.body ?? '')).toStrictEqual(body);
    expect(seen?.headers['user-agent']).toMatch(/^casemate\//);
  });

  it.each(['..', 'a/b', '', 'a%2fb'])('for an object named %j are not sent', async (name) => {
    const api = await start();
    const kube = client(api);
    for (const act of [() => kube.get(configMaps, { namespace: 'a', name }), () => kube.get(configMaps, { namespace: name, name: 'x' })]) {
      expect(await refusalOf(act)).toMatchObject({ code: 'usage' });
    }
    expect(await refusalOf(() => kube.get(configMaps, { name: 'x' }))).toMatchObject({ message: 'name the namespace of configmaps "x"' });
    expect(api.seen).toStrictEqual([]);
  });
});

describe('answers', () => {
  it('tell an object that is not there from a kind that is not served', async () => {
    const api = await start();
    const kube = client(api);
    const missing = statusReply(404, 'NotFound', 'widgets.example.com "x" not found', { name: 'x', kind: 'widgets' });
    api.next(missing, missing, missing);
    expect(await kube.get(widgets, ref)).toBeUndefined();
    expect(await kube.remove(widgets, ref)).toBe(false);
    expect(await refusalOf(() => kube.replace(widgets, { metadata: ref }))).toMatchObject({ code: 'not-found', reason: 'NotFound' });
    api.otherwise(() => ({ status: 404, body: '404 page not found' }));
    for (const act of [() => kube.get(widgets, ref), () => kube.remove(widgets, ref), () => kube.list(widgets)]) {
      expect(await refusalOf(act)).toMatchObject({
        code: 'unsupported-path',
        message: expect.stringContaining('custom resource definition'),
      });
    }
  });

  it('tell one conflict from another', async () => {
    const api = await start();
    const kube = client(api);
    api.next(statusReply(409, 'AlreadyExists', 'configmaps "x" already exists', { name: 'x' }));
    const exists = await refusalOf(() => kube.create(configMaps, { metadata: ref }));
    expect([alreadyExists(exists), isConflict(exists), exists.code]).toStrictEqual([true, false, 'conflict']);
    api.next(statusReply(409, 'Conflict', 'the object has been modified', { name: 'x' }));
    const changed = await refusalOf(() => kube.replace(configMaps, { metadata: ref }));
    expect([alreadyExists(changed), isConflict(changed)]).toStrictEqual([false, true]);
    expect(changed.message).toMatch(/\(Conflict\): it was changed meanwhile; read it and try again$/);
    const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl"', field: '.data.k' }];
    api.next(statusReply(409, 'Conflict', 'Apply failed with 1 conflict', { name: 'x', causes }));
    const owned = (await refusalOf(() => kube.apply(configMaps, { metadata: ref }))) as KubeFault;
    expect(owned.causes).toStrictEqual(causes);
    expect(owned.message).toContain('force it');
  });

  it('keep numbers that JavaScript cannot hold, there and back', async () => {
    const api = await start();
    const text =
      '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"namespace":"a","name":"x"},"spec":{"big":9007199254740993,"ratio":1.0}}';
    api.otherwise(() => ({ body: text }));
    const kube = client(api);
    await kube.replace(widgets, (await kube.get(widgets, ref)) ?? { metadata: {} });
    expect(api.seen[1]?.body).toContain('"spec":{"big":9007199254740993,"ratio":1.0}');
  });

  it('that are no objects are damage', async () => {
    const api = await start();
    api.otherwise(() => ({ body: '[]' }));
    expect(await refusalOf(() => client(api).get(configMaps, ref))).toMatchObject({ code: 'corrupted' });
  });

  it('to a raw read are given whatever their status is', async () => {
    const api = await start();
    api.otherwise(() => ({ status: 500, body: '[-]etcd failed' }));
    expect(await client(api).raw('/readyz')).toStrictEqual({ status: 500, text: '[-]etcd failed' });
  });
});

describe('a refusal', () => {
  it('shows nothing of the secret that it quotes', async () => {
    const api = await start();
    const kube = client(api);
    const value = 'hunter2-is-not-a-password';
    const base64 = Buffer.from(value).toString('base64');
    const said = (text: string) =>
      statusReply(422, 'Invalid', `cannot take ${text}`, { name: 'x', causes: [{ message: `got ${text}`, field: 'data.k' }] });
    const acts: [string, () => Promise<unknown>][] = [
      [value, () => kube.create(secrets, { metadata: ref, stringData: { k: value } })],
      [value, () => kube.create(secrets, { metadata: ref, data: { k: base64 } })],
      [base64, () => kube.apply(secrets, { metadata: ref, data: { k: base64 } })],
      [value, () => kube.patch(secrets, ref, 'json', [{ op: 'add', path: '/stringData', value: { k: value } }])],
      [value, () => kube.patch(secrets, ref, 'merge', { stringData: { k: value } })],
      ['4711471147114711471147', () => kube.patch(secrets, ref, 'merge', { data: { k: JSON.rawJSON('4711471147114711471147') } })],
      [value, () => kube.create(tokenReviews, { metadata: {}, spec: { token: value } })],
    ];
    for (const [shown, act] of acts) {
      api.next(said(shown));
      const fault = (await refusalOf(act)) as KubeFault;
      expect(fault).toBeInstanceOf(KubeFault);
      expect(fault.message).toContain('cannot take [hidden]');
      expect(JSON.stringify([fault.message, fault.causes, fault.stack])).not.toContain(shown);
    }
  });
});
