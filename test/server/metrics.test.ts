// Metrics: as Prometheus reads them and as JSON, under the names that dashboards ask for, and without anything secret in them.

import { describe, expect, test } from 'vitest';
import { startTestServer } from '../suites/server.ts';
import { denied, refused, said, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

/** Value of a line by its name and labels. */
async function sampleOf(line: string): Promise<number | undefined> {
  const { text } = await call('GET', 'sys/metrics?format=prometheus');
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

describe('metrics', () => {
  test('for Prometheus are text that its parser takes', async () => {
    await call('GET', 'auth/token/lookup-self');
    const { status, headers, text } = await call('GET', 'sys/metrics?format=prometheus');
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (TYPE|HELP) \w+ .+|[a-z_]+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (-?[\d.]+(e[+-]?\d+)?|NaN|\+Inf))$/);
    const types = [...text.matchAll(/^# TYPE (\w+) /gm)].map((found) => found[1]);
    expect(new Set(types).size).toBe(types.length);
    expect(types).toEqual(expect.arrayContaining(['vault_core_unsealed', 'vault_core_active', 'vault_core_handle_request']));
  });

  test('tell that the server is unsealed and active', async () => {
    expect(await sampleOf('vault_core_unsealed')).toBe(1);
    expect(await sampleOf('vault_core_active')).toBe(1);
  });

  test('count requests', async () => {
    const count = async () => (await sampleOf('vault_core_handle_request_count')) ?? 0;
    const before = await count();
    for (let times = 0; times < 3; times++) await call('GET', 'auth/token/lookup-self');
    // The reading itself counts once it is answered.
    expect((await count()) - before).toBe(4);
    expect(await sampleOf('vault_core_handle_request_sum')).toBeGreaterThan(0);
    expect(await sampleOf('vault_core_handle_request{quantile="0.99"}')).toBeGreaterThan(0);
  });

  test('tell requests apart by mount and operation, and never by path', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/marked-path`, { body: { x: 'marked-value' } });
    await call('GET', `${kv}/marked-path`);
    await call('GET', `${kv}/marked-path`);
    expect(await sampleOf(`vault_route_read_count{mount_point="${kv}/"}`)).toBe(2);
    const { text } = await call('GET', 'sys/metrics?format=prometheus');
    expect(text).not.toContain('marked');
    expect(text).not.toContain(shared.server.rootToken);
  });

  test('are JSON otherwise', async () => {
    const { body, headers } = await call('GET', 'sys/metrics');
    expect(headers['content-type']).toBe('application/json');
    expect(Object.keys(body).sort()).toEqual(expect.arrayContaining(['Counters', 'Gauges', 'Samples']));
    expect(body.Gauges).toContainEqual({ Name: 'vault_core_unsealed', Value: 1, Labels: {} });
    expect(body.Samples).toContainEqual(
      expect.objectContaining({
        Name: 'vault_core_handle_request',
        Count: expect.any(Number),
        Sum: expect.any(Number),
        Mean: expect.any(Number),
        Labels: {},
      }),
    );
  });

  test('in any other form are refused', async () => {
    expect((await call('GET', 'sys/metrics?format=xml')).status).toBe(400);
  });

  test('need a token whose policies allow them', async () => {
    expect(said(await call('GET', 'sys/metrics?format=prometheus', { token: null }))).toEqual(stranger);
    const token = await shared.tokenWith('path "elsewhere" { capabilities = ["read"] }');
    expect(said(await call('GET', 'sys/metrics', { token }))).toEqual(denied);
    const reading = await shared.tokenWith('path "sys/metrics" { capabilities = ["read"] }');
    expect((await call('GET', 'sys/metrics', { token: reading })).status).toBe(200);
  });

  test('need none where the listener opens them, and stay shut while the server is sealed', async () => {
    const open = await startTestServer({ listenAt: { opens: 'metrics' } });
    try {
      const read = () => open.call('GET', 'sys/metrics?format=prometheus', { token: null });
      expect((await read()).text).toContain('vault_core_unsealed 1');
      expect(said(await open.call('GET', 'sys/mounts', { token: null }))).toEqual(stranger);
      await open.call('PUT', 'sys/seal');
      expect(said(await read())).toEqual(refused(503, 'Vault is sealed'));
    } finally {
      await open.end();
    }
  });
});
