// What an audit line shows, what it hashes and what it leaves out.

import { createHmac, createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../base/json.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import type { Life } from '../core/life.ts';
import type { MountConfig, MountRecord } from '../mounts/record.ts';
import { auditLine, type LineOptions, testLine } from './line.ts';

const saltBytes = Buffer.alloc(32, 7);
const plain: LineOptions = {
  salt: keyFromBytes(saltBytes),
  raw: false,
  hmacAccessor: true,
  elideListResponses: false,
  prefix: '',
  headers: new Map(),
};
const now = Date.UTC(2026, 0, 2, 3, 4, 5, 60);

/** Made independently of the code under test. */
function hmac(value: string): string {
  return `hmac-sha256:${createHmac('sha256', createSecretKey(saltBytes)).update(value).digest('hex')}`;
}

function mountWith(config: Partial<MountConfig> = {}): MountRecord {
  return {
    table: 'secret',
    path: 'kv/',
    type: 'kv',
    uuid: 'u',
    accessor: 'kv_12345678',
    description: '',
    options: {},
    config: { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false, ...config },
    local: false,
    sealWrap: false,
  };
}

function life(changes: Partial<Life> = {}, wire: Partial<Life['wire']> = {}): Life {
  return {
    started: 0,
    operation: 'update',
    mount: mountWith(),
    token: {
      accessor: 'acc',
      displayName: 'token-ops',
      policies: ['default', 'ops'],
      meta: { team: 'ops' },
      type: 'service',
      entityId: 'e-1',
      orphan: true,
      numUses: 3,
      ttl: 60,
      created: Date.UTC(2026, 0, 2),
    },
    allowed: true,
    granting: [{ name: 'ops', type: 'acl' }],
    ...changes,
    wire: {
      id: 'request-1',
      operation: 'write',
      path: 'kv/a',
      data: { password: 'pw' },
      token: 'hvs.secret',
      wrapTtl: 90,
      namespace: undefined,
      headers: {},
      remoteAddress: '127.0.0.1',
      remotePort: 4000,
      opens: undefined,
      head: false,
      signal: new AbortController().signal,
      ...wire,
    },
  };
}

function line(type: 'request' | 'response', of: Life, options: Partial<LineOptions> = {}) {
  return JSON.parse(auditLine(type, of, now, { ...plain, ...options }));
}

const outcome: NonNullable<Life['outcome']> = { data: null, auth: null, leaseId: '', warnings: null, wrapInfo: null };

describe('a request line', () => {
  it('has the fields of OpenBao in their order, with hashes in place of secrets', () => {
    const text = auditLine('request', life(), now, plain);
    expect(text).toBe(
      `${JSON.stringify({
        time: '2026-01-02T03:04:05.06Z',
        type: 'request',
        auth: {
          client_token: hmac('hvs.secret'),
          accessor: hmac('acc'),
          display_name: 'token-ops',
          policies: ['default', 'ops'],
          token_policies: ['default', 'ops'],
          policy_results: { allowed: true, granting_policies: [{ name: 'ops', namespace_id: 'root', type: 'acl' }] },
          metadata: { team: 'ops' },
          remaining_uses: 3,
          entity_id: 'e-1',
          token_type: 'service',
          token_ttl: 60,
          token_issue_time: '2026-01-02T00:00:00Z',
        },
        request: {
          id: 'request-1',
          operation: 'update',
          mount_point: 'kv/',
          mount_type: 'kv',
          mount_accessor: 'kv_12345678',
          mount_class: 'secret',
          client_token: hmac('hvs.secret'),
          client_token_accessor: hmac('acc'),
          namespace: { id: 'root' },
          path: 'kv/a',
          data: { password: hmac('pw') },
          remote_address: '127.0.0.1',
          remote_port: 4000,
          wrap_ttl: 90,
        },
      })}\n`,
    );
  });

  it('leaves out what is empty', () => {
    const bare = life(
      {
        mount: undefined as never,
        token: { ...(life().token as NonNullable<Life['token']>), meta: {}, ttl: 0, numUses: 0, entityId: '', accessor: '', policies: [] },
      },
      { data: {}, wrapTtl: undefined, remotePort: 0 },
    );
    const { auth, request } = line('request', { ...bare, granting: [] });
    expect(Object.keys(auth)).toStrictEqual(['client_token', 'display_name', 'policy_results', 'token_type', 'token_issue_time']);
    expect(auth.policy_results).toStrictEqual({ allowed: true });
    expect(Object.keys(request)).toStrictEqual(['id', 'operation', 'client_token', 'namespace', 'path', 'remote_address']);
  });

  it('says of a request without a token just that', () => {
    const anonymous = life({ token: undefined as never }, { token: undefined });
    expect(line('request', anonymous).auth).toStrictEqual({ token_type: 'default' });
    expect(line('request', anonymous).request).not.toHaveProperty('client_token');
  });

  it('keeps keys, numbers, booleans and nulls, and hashes strings wherever they stand, times too', () => {
    const data = parseJson(
      '{"n":1.50,"big":12345678901234567890,"b":true,"none":null,"list":["a",["b",2]],"deep":{"__proto__":"x","when":"2026-01-02T03:04:05Z"}}',
    );
    const text = auditLine('request', life({}, { data: data as Record<string, unknown> }), now, plain);
    expect(text).toContain(
      `"data":{"n":1.50,"big":12345678901234567890,"b":true,"none":null,"list":["${hmac('a')}",["${hmac('b')}",2]],` +
        `"deep":{"__proto__":"${hmac('x')}","when":"${hmac('2026-01-02T03:04:05Z')}"}}`,
    );
  });

  it('shows the strings of keys that the mount names, at any depth, but no object below such a key', () => {
    const mount = mountWith({ audit_non_hmac_request_keys: ['name', 'data'] });
    const { data } = line('request', life({ mount }, { data: { name: 'n', other: 'o', data: { name: ['x'], password: 'pw' } } })).request;
    expect(data).toStrictEqual({ name: 'n', other: hmac('o'), data: { name: ['x'], password: hmac('pw') } });
  });

  it('shows the headers that are listed, hashed where that is asked for, and never one that carries the token', () => {
    const headers = new Map([
      ['x-shown', false],
      ['x-hashed', true],
      ['x-absent', false],
      ['__proto__', false],
      ['constructor', false],
      ['x-vault-token', false],
      ['authorization', false],
    ]);
    const wire = {
      headers: {
        'x-shown': 'a',
        'x-hashed': ['b', 'c'],
        'x-other': 'd',
        'x-vault-token': 'hvs.secret',
        authorization: 'Bearer hvs.secret',
      },
    };
    expect(line('request', life({}, wire), { headers }).request.headers).toStrictEqual({
      'x-shown': ['a'],
      'x-hashed': [hmac('b'), hmac('c')],
    });
  });

  it('shows accessors where hmac_accessor is off, and everything with log_raw', () => {
    const shown = line('request', life(), { hmacAccessor: false });
    expect(shown.auth.accessor).toBe('acc');
    expect(shown.request.client_token).toBe(hmac('hvs.secret'));
    const raw = line('request', life(), { raw: true });
    expect(raw.request).toMatchObject({ client_token: 'hvs.secret', client_token_accessor: 'acc', data: { password: 'pw' } });
  });

  it('ends with the error of a refused request', () => {
    const refused = line('request', life({ allowed: false, granting: [], error: 'permission denied' }));
    expect(Object.keys(refused)).toStrictEqual(['time', 'type', 'auth', 'request', 'error']);
    expect(refused.auth.policy_results).toStrictEqual({ allowed: false });
  });

  it('begins with the prefix of its device', () => {
    expect(auditLine('request', life(), now, { ...plain, prefix: '@cee: ' })).toMatch(/^@cee: \{"time"/);
    expect(testLine(now, { prefix: '@cee: ' })).toMatch(/^@cee: \{"time".*"path":"sys\/audit\/test"\}\}\n$/);
  });
});

describe('a response line', () => {
  it('tells of data, warnings and lease, with strings hashed', () => {
    const { response } = line('response', life({ outcome: { ...outcome, data: { a: 's', n: 1 }, leaseId: 'kv/a/1', warnings: ['w'] } }));
    expect(response).toStrictEqual({
      mount_point: 'kv/',
      mount_type: 'kv',
      mount_accessor: 'kv_12345678',
      mount_class: 'secret',
      secret: { lease_id: 'kv/a/1' },
      data: { a: hmac('s'), n: 1 },
      warnings: ['w'],
    });
  });

  it('uses the keys that the mount names for answers, not those for requests', () => {
    const mount = mountWith({ audit_non_hmac_request_keys: ['a'], audit_non_hmac_response_keys: ['b'] });
    const answered = line('response', life({ mount, outcome: { ...outcome, data: { a: 'x', b: 'y' } } }, { data: { a: 'x', b: 'y' } }));
    expect(answered.response.data).toStrictEqual({ a: hmac('x'), b: 'y' });
    expect(answered.request.data).toStrictEqual({ a: 'x', b: hmac('y') });
  });

  it('hashes the token and accessor of a login', () => {
    const auth = {
      client_token: 'hvs.new',
      accessor: 'new',
      policies: ['default'],
      token_policies: ['default'],
      metadata: null,
      lease_duration: 60,
      renewable: true,
      entity_id: '',
      token_type: 'service',
      orphan: true,
      mfa_requirement: null,
      num_uses: 0,
    } as const;
    expect(line('response', life({ outcome: { ...outcome, auth } })).response.auth).toStrictEqual({
      client_token: hmac('hvs.new'),
      accessor: hmac('new'),
      policies: ['default'],
      token_policies: ['default'],
      token_type: 'service',
      token_ttl: 60,
    });
  });

  it('tells of a wrapped answer that it is wrapped, and nothing of what is inside', () => {
    const wrapInfo = { token: 'hvs.wrap', accessor: 'w', ttl: 60, creation_time: 't', creation_path: 'kv/a', wrapped_accessor: 'inner' };
    const wrapped = life({ outcome: { ...outcome, data: { a: 'inside' }, leaseId: 'kv/a/1', wrapInfo } });
    const { response } = line('response', wrapped);
    expect(response).not.toHaveProperty('data');
    expect(response).not.toHaveProperty('secret');
    expect(Object.entries(response.wrap_info)).toStrictEqual([
      ['ttl', 60],
      ['token', hmac('hvs.wrap')],
      ['accessor', hmac('w')],
      ['creation_time', 't'],
      ['creation_path', 'kv/a'],
      ['wrapped_accessor', hmac('inner')],
    ]);
    expect(line('response', wrapped, { hmacAccessor: false }).response.wrap_info).toMatchObject({
      accessor: 'w',
      wrapped_accessor: 'inner',
    });
  });

  it('counts the keys of a list where the device elides them, and shows the rest of it', () => {
    const data = { keys: ['a', 'b'], key_info: { a: {}, b: {} }, note: 'n' };
    const listed = life({ operation: 'list', outcome: { ...outcome, data } });
    expect(line('response', listed, { elideListResponses: true }).response.data).toStrictEqual({ keys: 2, key_info: 2, note: hmac('n') });
    expect(line('response', listed).response.data.keys).toStrictEqual([hmac('a'), hmac('b')]);
    const read = life({ operation: 'read', outcome: { ...outcome, data } });
    expect(line('response', read, { elideListResponses: true }).response.data.keys).toHaveLength(2);
  });
});
