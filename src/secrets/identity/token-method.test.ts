// auth/token as clients see it: the answers that were recorded, and who may have them.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, openBank, termsFor } from '../../../test/foundation/tokens-and-leases.ts';
import { asFault } from '../../base/fault.ts';
import { compileContract, prepare } from '../../schema/routes.ts';
import { faultReply, replyFor } from '../core/answer.ts';
import { callerToken, withCallerToken } from '../core/caller-token.ts';
import type { AuthBlock, EngineRequest, OpenEngine } from '../core/engine.ts';
import type { Reply } from '../core/exchange.ts';
import { openTokenMethod } from './token-method.ts';

let bank: Bank;
let method: OpenEngine;
let root: string;

beforeEach(async () => {
  bank = openBank();
  method = openTokenMethod({
    tokens: bank.tokens,
    roles: bank.roles,
    policyExists: async (name) => name === 'default',
    hasSudo: async () => false,
    identity: { policiesOf: async () => [], entityFor: async () => ({ id: '', disabled: false }) },
    mount: () => ({ accessor: 'auth_token_test' }),
    callerToken,
    tidy: () => {},
    clock: bank.clock,
  });
  root = (await bank.tokens.create({ path: 'auth/token/root', policies: ['root'], displayName: 'root' })).token;
});

/** As the pipeline calls, with a token that it has found. */
const call = async (
  path: string,
  data: Record<string, unknown> = {},
  token = root,
  verb: 'read' | 'write' | 'list' = 'write',
): Promise<Reply> => {
  const match = compileContract(method.contract).match(path);
  const found = await bank.tokens.find(token);
  if (match === undefined || found === undefined) throw new Error('the pipeline would not have let it through');
  const { key, entry } = found;
  const caller = {
    key,
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
    entityId: entry.entityId,
    isRoot: entry.policies.includes('root'),
  };
  const bare = { path, mountPoint: 'auth/token/', caller } as Partial<EngineRequest> as EngineRequest;
  const operation = verb === 'write' ? 'update' : verb;
  try {
    const handler = method.handlers[match.route.name]?.[verb];
    const answer = await handler?.(prepare(match, verb, data).input, withCallerToken(bare, token));
    return replyFor(answer, match.route.spec, { requestId: '', operation, leaseId: '', warnings: [] });
  } catch (thrown) {
    return faultReply(asFault(thrown));
  }
};
const authOf = (reply: Reply): AuthBlock => {
  if (reply.kind !== 'envelope' || reply.envelope.auth === null) throw new Error(`there is no auth block: ${JSON.stringify(reply)}`);
  return reply.envelope.auth;
};
const dataOf = (reply: Reply): Record<string, unknown> => {
  if (reply.kind !== 'envelope' || reply.envelope.data === null) throw new Error(`there are no data: ${JSON.stringify(reply)}`);
  return reply.envelope.data;
};
const refused = (status: number, text: string) => ({ kind: 'errors', status, errors: [text] });
const make = async (data: Record<string, unknown>, token = root): Promise<string> => authOf(await call('create', data, token)).client_token;

describe('making a token', () => {
  it('answers with its terms, in the order of the wire', async () => {
    const reply = await call('create', { policies: ['nosuch'], ttl: '10m', meta: { user: 'a' }, num_uses: 2 });
    const auth = authOf(reply);
    expect(Object.entries(auth)).toEqual([
      ['client_token', expect.stringMatching(/^hvs\./)],
      ['accessor', expect.any(String)],
      ['policies', ['default', 'nosuch']],
      ['token_policies', ['default', 'nosuch']],
      ['metadata', { user: 'a' }],
      ['lease_duration', 600],
      ['renewable', true],
      ['entity_id', ''],
      ['token_type', 'service'],
      ['orphan', false],
      ['mfa_requirement', null],
      ['num_uses', 2],
    ]);
    expect(reply).toMatchObject({ envelope: { lease_id: '', warnings: ['Policy "nosuch" does not exist'] } });
  });

  it('answers for a batch token without an accessor', async () => {
    const auth = authOf(await call('create', { type: 'batch', policies: ['default'], ttl: '5m' }));
    expect(auth).toMatchObject({ accessor: '', token_type: 'batch', renewable: false, lease_duration: 300, orphan: false, num_uses: 0 });
    expect(auth.client_token).toMatch(/^hvb\./);
  });

  it('is not for batch tokens', async () => {
    const batch = await make({ type: 'batch', policies: ['default'], ttl: '5m' });
    expect(await call('create', {}, batch)).toEqual(refused(400, 'batch tokens cannot create more tokens'));
  });

  it('goes by a role that exists', async () => {
    await call('roles/r1', { allowed_policies: 'default,dev', period: '10m', orphan: true, path_suffix: 'sfx' });
    const reply = await call('create/r1', { policies: ['dev'] });
    expect(authOf(reply)).toMatchObject({ policies: ['default', 'dev'], lease_duration: 600, orphan: true });
    expect(dataOf(await call('lookup', { token: authOf(reply).client_token }))).toMatchObject({
      path: 'auth/token/create/r1/sfx',
      role: 'r1',
      ttl: 600,
    });
    expect(await call('create/none', {})).toEqual(refused(400, 'unknown role none'));
  });

  it('makes orphans at a path of its own', async () => {
    expect(authOf(await call('create-orphan', { ttl: '5m' }))).toMatchObject({ orphan: true, policies: ['root'] });
  });
});

describe('looking a token up', () => {
  it('shows everything, sorted by name', async () => {
    const token = await make({ policies: ['default'], ttl: '1h', meta: { user: 'a' }, display_name: 'my app!' });
    bank.clock.advance(600_000);
    const data = dataOf(await call('lookup-self', {}, token, 'read'));
    expect(data).toEqual({
      accessor: expect.any(String),
      creation_time: 1_700_000_000,
      creation_ttl: 3_600,
      display_name: 'token-my-app',
      entity_id: '',
      expire_time: '2023-11-14T23:13:20Z',
      explicit_max_ttl: 0,
      id: token,
      issue_time: '2023-11-14T22:13:20Z',
      meta: { user: 'a' },
      num_uses: 0,
      orphan: false,
      path: 'auth/token/create',
      policies: ['default'],
      renewable: true,
      ttl: 3_000,
      type: 'service',
    });
    expect(Object.keys(data)).toEqual(Object.keys(data).sort());
  });

  it('shows a root token without an end', async () => {
    const data = dataOf(await call('lookup-self', {}, root, 'read'));
    expect(data).toMatchObject({ creation_ttl: 0, expire_time: null, ttl: 0, orphan: true, path: 'auth/token/root', type: 'service' });
    expect(Object.keys(data)).not.toContain('renewable');
    expect(Object.keys(data)).not.toContain('issue_time');
  });

  it('shows a batch token', async () => {
    const token = await make({ type: 'batch', policies: ['default'], ttl: '5m' });
    const batch = { accessor: '', creation_ttl: 300, id: token, orphan: false, renewable: false, ttl: 300, type: 'batch' };
    expect(dataOf(await call('lookup-self', {}, token, 'read'))).toMatchObject(batch);
    expect(dataOf(await call('lookup', { token }))).toMatchObject(batch);
  });

  it('shows a renewed one with its renewal', async () => {
    const token = await make({ policies: ['default'], ttl: '1h' });
    bank.clock.advance(60_000);
    await call('renew-self', {}, token);
    expect(dataOf(await call('lookup-self', {}, token, 'read'))).toMatchObject({
      last_renewal: '2023-11-14T22:14:20Z',
      last_renewal_time: 1_700_000_060,
    });
  });

  it('by accessor does not show the token', async () => {
    const token = await make({ policies: ['default'], ttl: '1h' });
    const { accessor } = dataOf(await call('lookup-self', {}, token, 'read'));
    expect(dataOf(await call('lookup-accessor', { accessor }))).toMatchObject({ accessor, id: '' });
    expect(dataOf(await call('accessors', {}, root, 'list'))['keys']).toContain(accessor);
  });

  it('refuses what it does not know', async () => {
    expect(await call('lookup', { token: 'nope' })).toEqual(refused(403, 'bad token'));
    expect(await call('lookup-accessor', { accessor: 'nope' })).toEqual(refused(400, '1 error occurred:\n\t* invalid accessor\n\n'));
  });
});

describe('renewing a token', () => {
  it('answers with its new terms, and by accessor without the token', async () => {
    const token = await make({ policies: ['default'], ttl: '1h' });
    const { accessor } = dataOf(await call('lookup-self', {}, token, 'read'));
    expect(authOf(await call('renew-self', { increment: '2h' }, token))).toMatchObject({ client_token: token, lease_duration: 7_200 });
    expect(authOf(await call('renew', { token, increment: 60 }))).toMatchObject({ client_token: token, lease_duration: 60 });
    expect(authOf(await call('renew-accessor', { accessor }))).toMatchObject({ client_token: '', accessor, lease_duration: 60 });
  });

  it('refuses a batch token, and one that is not there', async () => {
    const token = await make({ type: 'batch', policies: ['default'], ttl: '5m' });
    expect(await call('renew-self', {}, token)).toEqual(refused(400, 'batch tokens cannot be renewed'));
    expect(await call('renew', { token: 'nope' })).toEqual(refused(400, 'token not found'));
  });
});

describe('revoking a token', () => {
  it('answers 204, also for one that is not there', async () => {
    const token = await make({ ttl: '5m' });
    expect(await call('revoke', { token })).toEqual({ kind: 'empty', status: 204 });
    expect(await bank.tokens.find(token)).toBeUndefined();
    expect(await call('revoke', { token: 'nope' })).toEqual({ kind: 'empty', status: 204 });
    expect(await call('revoke', {})).toEqual(refused(400, 'missing token ID'));
  });

  it('takes its children along, or leaves them as orphans', async () => {
    const [first, second] = [await make({ policies: ['root'], ttl: '30m' }), await make({ policies: ['root'], ttl: '30m' })];
    const [child, orphan] = [await make({ ttl: '5m' }, first), await make({ ttl: '5m' }, second)];
    await call('revoke', { token: first });
    expect(await bank.tokens.find(child)).toBeUndefined();
    expect(await call('revoke-orphan', { token: second })).toEqual({ kind: 'empty', status: 204 });
    expect(dataOf(await call('lookup-self', {}, orphan, 'read'))).toMatchObject({ orphan: true });
    expect(await call('revoke-orphan', { token: second })).toEqual(refused(400, 'token to revoke not found'));
  });

  it('by accessor warns where there is none', async () => {
    const token = await make({ ttl: '5m' });
    const { accessor } = dataOf(await call('lookup-self', {}, token, 'read'));
    expect(await call('revoke-accessor', { accessor })).toEqual({ kind: 'empty', status: 204 });
    expect(await bank.tokens.find(token)).toBeUndefined();
    expect(await call('revoke-accessor', { accessor: 'nope' })).toMatchObject({
      status: 200,
      envelope: { warnings: ['No token found with this accessor'] },
    });
  });

  it('is what a token may do to itself', async () => {
    const token = await make({ ttl: '5m' });
    expect(await call('revoke-self', {}, token)).toEqual({ kind: 'empty', status: 204 });
    expect(await bank.tokens.find(token)).toBeUndefined();
  });

  it('is refused for batch tokens, which nothing can revoke', async () => {
    const token = await make({ type: 'batch', policies: ['default'], ttl: '5m' });
    expect(await call('revoke', { token })).toEqual(refused(400, 'batch tokens cannot be revoked'));
    expect(await call('revoke-orphan', { token })).toEqual(refused(400, 'batch tokens cannot be revoked'));
  });
});

describe('the terms of a parent', () => {
  it('with limited uses cannot be handed on', async () => {
    const { token } = await bank.tokens.create(termsFor({ numUses: 5 }));
    expect(await call('create', {}, token)).toEqual(refused(400, 'restricted use token cannot generate child tokens'));
  });
});
