// Where objects lie in etcd; that a real kube-apiserver agrees is shown in test/cluster/suites/etcd-verify.test.ts.

import { expect, test } from 'vitest';
import { objectBelow, objectOfKey, prefixesOf, storedResource } from './resource-keys.ts';

test.each([
  ['secrets', '/registry/secrets/'],
  ['services', '/registry/services/specs/'],
  ['endpoints', '/registry/services/endpoints/'],
  ['nodes', '/registry/minions/'],
  ['replicationcontrollers', '/registry/controllers/'],
  ['ingresses.networking.k8s.io', '/registry/ingress/'],
  ['deployments.apps', '/registry/deployments/'],
  ['events.events.k8s.io', '/registry/events/'],
  ['customresourcedefinitions.apiextensions.k8s.io', '/registry/apiextensions.k8s.io/customresourcedefinitions/'],
  ['apiservices.apiregistration.k8s.io', '/registry/apiregistration.k8s.io/apiservices/'],
  ['widgets.example.com', '/registry/example.com/widgets/'],
  ['secrets.example.com', '/registry/example.com/secrets/'],
  // A custom resource in a group that looks like one of Kubernetes.
  ['gateways.gateway.networking.k8s.io', '/registry/gateway.networking.k8s.io/gateways/'],
  ['Secrets', '/registry/secrets/'],
])('%s lie at %s', (resource, prefix) => {
  expect(prefixesOf(resource, '/registry')).toEqual([prefix]);
  expect(objectOfKey(`${prefix}ns/one`, '/registry')).toEqual({ resource: storedResource(resource), namespace: 'ns', name: 'one' });
  expect(objectOfKey(`${prefix}one`, '/registry')).toEqual({ resource: storedResource(resource), name: 'one' });
});

test('another --etcd-prefix counts, however its slashes are written', () => {
  for (const root of ['/kubernetes.io', 'kubernetes.io', '/kubernetes.io/', '/kubernetes.io//'])
    expect(prefixesOf('secrets', root)).toEqual(['/kubernetes.io/secrets/']);
  expect(prefixesOf('secrets', '/')).toEqual(['/secrets/']);
  expect(objectOfKey('/kubernetes.io/secrets/a/b', '/kubernetes.io')).toEqual({ resource: 'secrets', namespace: 'a', name: 'b' });
  expect(objectOfKey('/registry/secrets/a/b', '/kubernetes.io')).toBeUndefined();
  expect(objectOfKey('/registry-old/secrets/a/b', '/registry')).toBeUndefined();
});

test('what belongs to no resource is no object', () => {
  for (const key of [
    '/registry/ranges/serviceips',
    '/registry/masterleases/10.0.0.1',
    '/registry/peerserverleases/a',
    '/registry/secrets',
    '/registry/secrets/',
    '/registry/secrets/a/',
    '/registry/secrets/a/b/c',
    '/registry/services/x/y',
    '/registry/example.com/widgets',
    'compact_rev_key',
    '',
  ])
    expect(objectOfKey(key, '/registry'), key).toBeUndefined();
});

test('names with colons and dots are names', () => {
  expect(objectOfKey('/registry/clusterroles/system:kube.x', '/registry')).toEqual({
    resource: 'clusterroles.rbac.authorization.k8s.io',
    name: 'system:kube.x',
  });
  expect(objectBelow('secrets', 'ns/a.b.c')).toEqual({ resource: 'secrets', namespace: 'ns', name: 'a.b.c' });
});
