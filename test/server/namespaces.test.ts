// Namespaces: there is the root and no other, and naming another one never reaches the root's data.

import { describe, expect, test } from 'vitest';
import { done, refused, said } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

const withNamespace = (namespace: string) => ({ 'x-vault-namespace': namespace });

describe('the root namespace', () => {
  test.each(['', 'root', 'root/', '/root', '/', ' root '])('named %j is the root, and is echoed', async (namespace) => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    const answer = await call('GET', `${kv}/a`, { headers: withNamespace(namespace) });
    expect(answer.body.data).toEqual({ x: '1' });
    expect(answer.headers['x-vault-namespace']).toBe(namespace.trim());
  });
});

describe('another namespace', () => {
  test.each([
    'team',
    'team/',
    'root/team',
    'team/root',
    'Root',
    'ROOT',
    'root, team',
    '%72oot',
    'ro%6ft',
    'root%2f',
    'root\\',
    '.',
    '..',
    'root/..',
    './root',
    '*',
  ])('named %j in the header is not there, whatever is asked of it', async (namespace) => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: 'kept' } });
    const headers = withNamespace(namespace);
    const answers = [
      await call('GET', `${kv}/a`, { headers }),
      await call('LIST', kv, { headers }),
      await call('SCAN', kv, { headers }),
      await call('POST', `${kv}/a`, { headers, body: { x: 'taken' } }),
      await call('DELETE', `${kv}/a`, { headers }),
      await call('GET', 'sys/mounts', { headers }),
      await call('GET', `sys/internal/ui/mounts/${kv}`, { headers }),
      await call('HELP', `${kv}/a`, { headers }),
      await call('POST', 'auth/token/create', { headers, body: {} }),
      await call('GET', 'auth/token/lookup-self', { headers }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404));
    expect(answers.map(({ text }) => text).join('')).not.toMatch(/kept|accessor|hvs\./);
    expect((await call('GET', `${kv}/a`)).body.data).toEqual({ x: 'kept' });
  });

  test.each(['team', 'root/team', 'team%2froot', 'root', 'ns1/root'])('named %j in front of the path is no mount', async (namespace) => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: 'kept' } });
    for (const path of [`${namespace}/${kv}/a`, `${namespace}/sys/mounts`, `${namespace}%2f${kv}%2fa`]) {
      const answer = await call('GET', path);
      expect([answer.status, answer.text.includes('kept')], path).toEqual([404, false]);
      expect((await call('POST', path, { body: { x: 'taken' } })).status).toBe(404);
    }
  });

  test.each([
    'sys/health',
    'sys/seal-status/',
    'sys/init',
    'sys/generate-root/attempt',
    'sys/rekey/init',
    'sys/rekey-recovery-key/init',
    'sys/metrics',
    'sys/in-flight-req',
    'sys%2Fhealth',
    'sys/%68ealth',
  ])('has no %s: that belongs to the whole server', async (path) => {
    const answer = await call('GET', path, { headers: withNamespace('team') });
    expect(said(answer)).toEqual(
      path.startsWith('sys/seal-status') ? refused(404, 'namespace not found') : refused(400, 'operation unavailable in namespaces'),
    );
  });

  test('cannot be made', async () => {
    const answer = await call('POST', 'sys/namespaces/team', { body: {} });
    expect(answer.status).toBe(404);
    expect(said(await call('POST', 'sys/mounts/team/kv', { body: { type: 'kv' } }))).toEqual(done);
    expect((await call('GET', 'kv/a', { headers: withNamespace('team') })).status).toBe(404);
  });
});
