// kubeconfig files mean what they mean to kubectl, and a broken one is refused without showing what stands in it.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';
import { readKubeconfig } from './kubeconfig.ts';

const { folder } = scriptedKube();

const one = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt}}]
users: [{name: u, user: {client-certificate: /abs/u.crt, client-key: u.key, tokenFile: token, as: root, as-groups: [a, b], as-user-extra: {why: [x]}}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: team}}, {name: y, context: {cluster: gone, user: u}}]
current-context: x
`;
const other = `
clusters: [{name: c, cluster: {server: "https://10.0.0.2:6443"}}, {name: d, cluster: {server: "https://10.0.0.3:6443", insecure-skip-tls-verify: true, proxy-url: "socks5://127.0.0.1:1"}}]
users: [{name: v, user: {token: secret-token, exec: {command: ./plugin, apiVersion: client.authentication.k8s.io/v1, args: [login], env: [{name: A, value: b}]}}}]
contexts: [{name: z, context: {cluster: d, user: v}}, {name: w, context: {cluster: c, user: v}}]
current-context: z
`;

describe('a kubeconfig', () => {
  it('gives the current context with paths relative to the file', () => {
    const path = folder({ config: one });
    expect(readKubeconfig([join(path, 'config')], undefined)).toMatchObject({
      name: 'x',
      namespace: 'team',
      cluster: { server: 'https://10.0.0.1:6443', authorityFile: join(path, 'pki/ca.crt'), skipVerify: false },
      user: {
        certificateFile: '/abs/u.crt',
        keyFile: join(path, 'u.key'),
        tokenFile: join(path, 'token'),
        impersonate: { 'Impersonate-User': 'root', 'Impersonate-Group': ['a', 'b'], 'Impersonate-Extra-why': ['x'] },
      },
    });
  });

  it('is merged with others: the first file to name a thing wins, a missing file is passed over', () => {
    const path = folder({ one, other });
    const files = ['missing', 'one', 'other'].map((name) => join(path, name));
    expect(readKubeconfig(files, undefined).name).toBe('x');
    expect(readKubeconfig(files, 'w').cluster.server).toBe('https://10.0.0.1:6443');
    expect(readKubeconfig(files, 'z')).toMatchObject({
      namespace: 'default',
      cluster: { skipVerify: true, proxyUrl: 'socks5://127.0.0.1:1' },
      user: { plugin: { command: join(path, 'plugin'), args: ['login'], env: [{ name: 'A', value: 'b' }] } },
    });
  });

  it.each([
    ['no context of the name', 'other', 'nope', 'has no context "nope"'],
    ['a context that points nowhere', 'one', 'y', 'names a cluster that is not there'],
    ['a file that is not there', 'missing', undefined, 'no kubeconfig stands at'],
    ['a file without a current context', 'empty', undefined, 'has no current context'],
    ['a cluster without a server', 'serverless', undefined, 'has no server such as'],
    ['data that is no certificate', 'badData', undefined, 'client-certificate-data in the kubeconfig'],
  ])('with %s is refused in a sentence', (_what, name, context, expected) => {
    const serverless = 'clusters: [{name: c, cluster: {server: here}}]\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x';
    const badData = one.replace(
      'client-certificate: /abs/u.crt',
      `client-certificate-data: ${Buffer.from('hidden-thing').toString('base64')}`,
    );
    const path = folder({ one, other, empty: '', serverless, badData });
    const read = () => readKubeconfig([join(path, name)], context);
    expect(read).toThrow(expected);
    expect(read).not.toThrow('hidden');
  });

  it('that is no YAML is refused without its text, which may be a token', () => {
    const path = folder({ config: 'users: [{user: {token: "very-secret-token' });
    expect(() => readKubeconfig([join(path, 'config')], undefined)).toThrow(/^the kubeconfig \S+ is no YAML$/);
  });
});
