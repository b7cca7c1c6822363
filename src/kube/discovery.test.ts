// Kinds are found by what people and manifests call them, in the version that the server prefers.

import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/foundation/listening.ts';
import { type Reply, statusReply } from '../../test/foundation/scripted-api.ts';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';

const { start, client } = scriptedKube();

const resource = (name: string, kind: string, shortNames: readonly string[] = [], verbs = ['get', 'list']) => ({
  ...{ name, kind, shortNames, verbs },
  namespaced: true,
});
const group = {
  name: 'example.com',
  versions: [{ version: 'v1beta1' }, { version: 'v1' }],
  preferredVersion: { version: 'v1' },
};
const served: Readonly<Record<string, unknown>> = {
  '/api': { versions: ['v1'] },
  '/api/v1': {
    resources: [resource('secrets', 'Secret'), resource('pods/exec', 'PodExecOptions'), resource('bindings', 'Binding', [], ['create'])],
  },
  '/apis': { groups: [group] },
  '/apis/example.com': group,
  '/apis/example.com/v1': { resources: [resource('widgets', 'Widget', ['wd']), resource('widgets/status', 'Widget')] },
  '/apis/example.com/v1beta1': { resources: [resource('widgets', 'Widget', ['wd']), resource('gadgets', 'Gadget')] },
};

async function discovery(changes: Readonly<Record<string, Reply>> = {}) {
  const api = await start();
  api.otherwise(({ path }) => changes[path] ?? (path in served ? { body: served[path] } : { status: 404, body: '404 page not found' }));
  return client(api).discovery;
}

describe('a kind', () => {
  it.each([
    ['secrets', 'v1', 'secrets'],
    ['Secret', 'v1', 'secrets'],
    ['wd.example.com', 'v1', 'widgets'],
    ['widget.example.com', 'v1', 'widgets'],
    ['gadgets.example.com', 'v1beta1', 'gadgets'],
  ])('is found as %s', async (name, version, plural) => {
    expect(await (await discovery()).named(name)).toMatchObject({ version, plural, namespaced: true });
  });

  it.each(['widgets', 'pods/exec', 'widgets.example.org', ''])('is not found as %j', async (name) => {
    expect(await (await discovery()).named(name)).toBeUndefined();
  });

  it('is found for a manifest, in the version that stands in it', async () => {
    const { kindOf } = await discovery();
    expect(await kindOf({ apiVersion: 'v1', kind: 'Secret' })).toMatchObject({ group: '', plural: 'secrets' });
    expect(await kindOf({ apiVersion: 'example.com/v1beta1', kind: 'Gadget' })).toMatchObject({ group: 'example.com', plural: 'gadgets' });
    expect(await kindOf({ apiVersion: 'example.com/v1', kind: 'Gadget' })).toBeUndefined();
    expect(await refusalOf(() => kindOf({ kind: 'Gadget' }))).toMatchObject({ code: 'usage' });
  });

  it('that can be listed is told once, in its preferred version', async () => {
    const kinds = await (await discovery()).listable();
    expect(kinds.map(({ plural, version }) => `${plural} ${version}`)).toStrictEqual(['secrets v1', 'widgets v1']);
  });

  it('is not silently left out when the server that extends the API is down', async () => {
    const down = statusReply(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');
    const { listable } = await discovery({ '/apis/example.com/v1': down });
    expect(await refusalOf(() => listable())).toMatchObject({ code: 'unavailable' });
  });
});
