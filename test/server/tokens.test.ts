// Tokens: what is made of what was asked for, how they are looked up and renewed, and who may ask for what.

import { describe, expect, test } from 'vitest';
import {
  accessor,
  between,
  denied,
  done,
  envelope,
  framed,
  refused,
  type Shape,
  said,
  serviceToken,
  shown,
  stranger,
  time,
} from './shapes.ts';
import { sharedServer, type TokenAuth } from './shared-server.ts';

const shared = sharedServer();
const { call, tokenOf } = shared;
const month = 2_764_800;

const authBlock = {
  client_token: serviceToken,
  accessor,
  policies: ['default'],
  token_policies: ['default'],
  metadata: null,
  lease_duration: month,
  renewable: true,
  entity_id: '',
  token_type: 'service',
  orphan: false,
  mfa_requirement: null,
  num_uses: 0,
};

function lookup(auth: TokenAuth, more: Shape = {}): Shape {
  const now = Math.floor(Date.now() / 1000);
  return {
    accessor: auth.accessor,
    creation_time: between(now - 5, now + 5),
    creation_ttl: auth.lease_duration,
    display_name: 'token',
    entity_id: '',
    expire_time: time,
    explicit_max_ttl: 0,
    id: auth.client_token,
    issue_time: time,
    meta: null,
    num_uses: 0,
    orphan: false,
    path: 'auth/token/create',
    policies: auth.policies,
    renewable: true,
    ttl: between(auth.lease_duration - 5, auth.lease_duration),
    type: 'service',
    ...more,
  };
}

const create = (body: Shape, token?: string) => call('POST', 'auth/token/create', { body, ...(token === undefined ? {} : { token }) });
const self = (token: string) => call('GET', 'auth/token/lookup-self', { token });

describe('making a token', () => {
  test('answers with its auth block and nothing else', async () => {
    const answer = await create({ policies: ['default'], ttl: '1h', meta: { user: 'a' }, display_name: 'my app!', num_uses: 5 });
    expect(said(answer)).toEqual([200, envelope({ auth: { ...authBlock, lease_duration: 3600, metadata: { user: 'a' }, num_uses: 5 } })]);
  });

  test('without any terms makes a child of root: a root token without an end', async () => {
    expect((await create({})).body.auth).toEqual({
      ...authBlock,
      policies: ['root'],
      token_policies: ['root'],
      lease_duration: 0,
      renewable: false,
    });
  });

  test('warns of policies that do not exist, and gives them all the same', async () => {
    const { body } = await create({ policies: ['nosuch', 'Other', 'default'] });
    expect(body.warnings).toEqual(['Policy "nosuch" does not exist', 'Policy "other" does not exist']);
    expect(body.auth.policies).toEqual(['default', 'nosuch', 'other']);
  });

  test('adds the default policy unless that is unwanted', async () => {
    expect((await create({ policies: ['default'], no_default_policy: true })).body.auth.policies).toEqual(['default']);
    expect((await create({ policies: ['p'], no_default_policy: true })).body.auth.policies).toEqual(['p']);
    expect((await create({ policies: ['p'] })).body.auth.policies).toEqual(['default', 'p']);
  });

  test('gives it a display name of letters, digits and dashes', async () => {
    for (const [given, shownAs] of [
      ['my app!', 'token-my-app'],
      ['a_b.c', 'token-a-b-c'],
      ['Ok-1', 'token-Ok-1'],
      ['', 'token'],
    ]) {
      const { client_token } = await tokenOf({ policies: ['default'], display_name: given });
      expect((await self(client_token)).body.data.display_name, given).toBe(shownAs);
    }
  });

  test.each([
    [{ ttl: '-1s' }, 'ttl must be positive'],
    [{ explicit_max_ttl: '-1s' }, 'explicit_max_ttl must be positive'],
    [{ period: '-1s' }, 'period must be positive'],
    [{ num_uses: -1 }, 'number of uses cannot be negative'],
    [{ type: 'other' }, "invalid 'token_type' value"],
    [{ type: 'batch', num_uses: 2 }, 'batch tokens cannot have "num_uses" set'],
    [{ type: 'batch', period: '5m' }, 'batch tokens cannot have "period" set'],
    [{ type: 'batch', explicit_max_ttl: '5m' }, 'batch tokens cannot have "explicit_max_ttl" set'],
    [{ policies: ['response-wrapping'] }, 'cannot assign policy "response-wrapping"'],
    [{ id: 'hvs.abc' }, "custom token ID cannot have the 'hvs.' prefix"],
    [{ id: 'a.b' }, "custom token ID cannot have a '.' in the value"],
  ])('with %j is refused', async (terms, text) => {
    expect(said(await create({ policies: ['default'], ...terms }))).toEqual(refused(400, text));
  });

  test('under an id of its own works once', async () => {
    const { body } = await create({ id: 'custom-id-1', policies: ['default'], ttl: '5m' });
    expect(body.auth.client_token).toBe('custom-id-1');
    expect((await self('custom-id-1')).status).toBe(200);
    expect(said(await create({ id: 'custom-id-1', policies: ['default'] }))).toEqual(
      refused(400, 'cannot create a token with a duplicate ID'),
    );
  });

  test('is refused to tokens with a number of uses, and to batch tokens', async () => {
    const rules = 'path "auth/token/create" { capabilities = ["update"] }';
    const counted = await shared.tokenWith(rules, { num_uses: 5 });
    expect(said(await create({}, counted))).toEqual(refused(400, 'restricted use token cannot generate child tokens'));
    const batch = await shared.tokenWith(rules, { type: 'batch' });
    expect(said(await create({}, batch))).toEqual(refused(400, 'batch tokens cannot create more tokens'));
  });
});

describe('those who are not root', () => {
  const rules = 'path "auth/token/create*" { capabilities = ["create", "update"] }';

  test('make children with some of their own policies, and no others', async () => {
    const parent = await shared.tokenWith(rules);
    const own = (await self(parent)).body.data.policies;
    expect((await create({}, parent)).body.auth.policies).toEqual(own);
    expect((await create({ policies: ['default'] }, parent)).body.auth.policies).toEqual(['default']);
    expect(said(await create({ policies: ['elsewhere'] }, parent))).toEqual(refused(400, 'child policies must be subset of parent'));
    expect(said(await create({ policies: ['root'] }, parent))[0]).toBe(400);
  });

  test.each([
    [{ id: 'own-id' }, 'root or sudo privileges required to specify token id'],
    [{ no_parent: true }, 'root or sudo privileges required to create orphan token'],
    [{ period: '1h' }, 'root or sudo privileges required to create periodic token'],
  ])('may not ask for %j without sudo', async (terms, text) => {
    expect(said(await create(terms, await shared.tokenWith(rules)))).toEqual(refused(400, text));
    const mighty = await shared.tokenWith('path "auth/token/create" { capabilities = ["update", "sudo"] }');
    expect((await create(terms, mighty)).status).toBe(200);
  });

  test('make orphans where their policies let them', async () => {
    const parent = await shared.tokenWith('path "auth/token/create-orphan" { capabilities = ["update"] }');
    const { body } = await call('POST', 'auth/token/create-orphan', { token: parent, body: { ttl: '5m' } });
    expect(body.auth).toMatchObject({ orphan: true, lease_duration: 300 });
    expect((await self(body.auth.client_token)).body.data).toMatchObject({ path: 'auth/token/create-orphan', orphan: true });
  });

  test('make nothing where their policies do not let them', async () => {
    const { client_token } = await tokenOf({ policies: ['default'] });
    expect(said(await create({ policies: ['default'] }, client_token))).toEqual(denied);
  });
});

describe('looking a token up', () => {
  test('tells all there is to it: root', async () => {
    const now = Math.floor(Date.now() / 1000);
    expect(said(await call('GET', 'auth/token/lookup-self'))).toEqual(
      shown({
        accessor,
        creation_time: between(now - 60, now),
        creation_ttl: 0,
        display_name: 'root',
        entity_id: '',
        expire_time: null,
        explicit_max_ttl: 0,
        id: shared.server.rootToken,
        meta: null,
        num_uses: 0,
        orphan: true,
        path: 'auth/token/root',
        policies: ['root'],
        ttl: 0,
        type: 'service',
      }),
    );
  });

  test('tells all there is to it: any other, by itself, by name and by accessor', async () => {
    const auth = await tokenOf({ policies: ['default'], ttl: '1h', meta: { user: 'a' }, explicit_max_ttl: '2h' });
    const expected = lookup(auth, { meta: { user: 'a' }, explicit_max_ttl: 7200 });
    expect(said(await self(auth.client_token))).toEqual(shown(expected));
    expect(said(await call('POST', 'auth/token/lookup', { body: { token: auth.client_token } }))).toEqual(shown(expected));
    const byAccessor = await call('POST', 'auth/token/lookup-accessor', { body: { accessor: auth.accessor } });
    expect(said(byAccessor)).toEqual(shown({ ...expected, id: '' }));
  });

  test('without a name shows the calling token', async () => {
    for (const answer of [await call('POST', 'auth/token/lookup', { body: {} }), await call('GET', 'auth/token/lookup')])
      expect(answer.body.data.display_name).toBe('root');
  });

  test('that is not there is refused, in another way for each route', async () => {
    expect(said(await call('POST', 'auth/token/lookup', { body: { token: 'nope' } }))).toEqual(refused(403, 'bad token'));
    expect(said(await call('POST', 'auth/token/lookup-accessor', { body: { accessor: 'nope' } }))).toEqual(
      refused(400, framed('invalid accessor')),
    );
    expect(said(await call('POST', 'auth/token/lookup-accessor', { body: {} }))).toEqual(refused(400, 'missing accessor'));
  });

  test('tells its times as they are', async () => {
    const before = Date.now();
    const { client_token } = await tokenOf({ policies: ['default'], ttl: '1h' });
    const { data } = (await self(client_token)).body;
    expect(Date.parse(data.issue_time)).toBeGreaterThanOrEqual(before - 1);
    expect(Date.parse(data.expire_time) - Date.parse(data.issue_time)).toBe(3_600_000);
    expect(data.creation_time).toBe(Math.floor(Date.parse(data.issue_time) / 1000));
  });
});

describe('accessors', () => {
  test('are listed for those with sudo', async () => {
    const { accessor: known } = await tokenOf({ policies: ['default'] });
    expect((await call('LIST', 'auth/token/accessors')).body.data.keys).toContain(known);
    const token = await shared.tokenWith('path "auth/token/accessors/" { capabilities = ["list"] }');
    expect(said(await call('LIST', 'auth/token/accessors', { token }))).toEqual(denied);
    const mighty = await shared.tokenWith('path "auth/token/accessors/" { capabilities = ["list", "sudo"] }');
    expect((await call('LIST', 'auth/token/accessors', { token: mighty })).status).toBe(200);
  });

  test('are no tokens', async () => {
    const { accessor: known } = await tokenOf({ policies: ['root'] });
    expect(said(await self(known))).toEqual(stranger);
  });
});

describe('the time to live', () => {
  test('is what was asked for, and the system default otherwise', async () => {
    expect((await tokenOf({ policies: ['default'], ttl: '1h' })).lease_duration).toBe(3600);
    expect((await tokenOf({ policies: ['default'], lease: '2h' })).lease_duration).toBe(7200);
    expect((await tokenOf({ policies: ['default'] })).lease_duration).toBe(month);
  });

  test('is capped with a warning', async () => {
    const { body } = await create({ policies: ['default'], ttl: '1000h' });
    expect(body.auth.lease_duration).toBe(month);
    expect(body.warnings).toEqual(['TTL of "1000h" exceeded the effective max_ttl of "768h"; TTL value is capped accordingly']);
    const { body: explicit } = await create({ policies: ['default'], ttl: '48h', explicit_max_ttl: '24h' });
    expect(explicit.auth.lease_duration).toBe(86_400);
    expect(explicit.warnings).toEqual(['TTL of "48h" exceeded the effective max_ttl of "24h"; TTL value is capped accordingly']);
  });

  test("is bound by what the token method's mount is tuned to", async () => {
    expect(said(await call('POST', 'sys/auth/token/tune', { body: { default_lease_ttl: '20m', max_lease_ttl: '30m' } }))).toEqual(done);
    try {
      expect((await tokenOf({ policies: ['default'] })).lease_duration).toBe(1200);
      const { body } = await create({ policies: ['default'], ttl: '1h' });
      expect(body.auth.lease_duration).toBe(1800);
      expect(body.warnings).toEqual(['TTL of "1h" exceeded the effective max_ttl of "30m"; TTL value is capped accordingly']);
    } finally {
      await call('POST', 'sys/auth/token/tune', { body: { default_lease_ttl: 'system', max_lease_ttl: 'system' } });
    }
    expect((await tokenOf({ policies: ['default'] })).lease_duration).toBe(month);
  });

  test('of a periodic token is its period', async () => {
    const auth = await tokenOf({ policies: ['default'], period: '5m' });
    expect(auth.lease_duration).toBe(300);
    expect((await self(auth.client_token)).body.data).toEqual(lookup(auth, { period: 300 }));
  });
});

describe('renewing', () => {
  const renewed = (auth: TokenAuth, seconds: number, more: Shape = {}) => [
    200,
    envelope({ auth: { ...authBlock, client_token: auth.client_token, accessor: auth.accessor, lease_duration: seconds, ...more } }),
  ];

  test('grants the time again from now on, by itself, by name and by accessor', async () => {
    const auth = await tokenOf({ policies: ['default'], ttl: '1h' });
    const { client_token: token } = auth;
    expect(said(await call('POST', 'auth/token/renew-self', { token }))).toEqual(renewed(auth, 3600));
    expect(said(await call('POST', 'auth/token/renew-self', { token, body: { increment: '2h' } }))).toEqual(renewed(auth, 7200));
    expect(said(await call('POST', 'auth/token/renew', { body: { token, increment: 60 } }))).toEqual(renewed(auth, 60));
    expect(said(await call('POST', 'auth/token/renew-accessor', { body: { accessor: auth.accessor } }))).toEqual(
      renewed(auth, 60, { client_token: '' }),
    );
    const { data } = (await self(token)).body;
    expect(data).toEqual(
      lookup(auth, {
        ttl: between(55, 60),
        creation_ttl: 3600,
        last_renewal: time,
        last_renewal_time: between(data.creation_time, data.creation_time + 60),
      }),
    );
  });

  test('goes to the maximum and no further, and says so', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], ttl: '10m', explicit_max_ttl: '20m' });
    const { body } = await call('POST', 'auth/token/renew-self', { token, body: { increment: '1h' } });
    expect(body.auth.lease_duration).toEqual(between(1195, 1200));
    expect(body.warnings).toEqual([
      expect.stringMatching(/^TTL of "1h" exceeded the effective max_ttl of "(20m|19m5\ds)"; TTL value is capped accordingly$/),
    ]);
  });

  test('a periodic token grants its period, whatever was asked for', async () => {
    const { client_token: token } = await tokenOf({ policies: ['default'], period: '5m' });
    const { body } = await call('POST', 'auth/token/renew-self', { token, body: { increment: '9h' } });
    expect(body.auth.lease_duration).toBe(300);
  });

  test('is refused to what does not end, to what may not be renewed, and to batch tokens', async () => {
    const { client_token: fixed } = await tokenOf({ policies: ['default'], ttl: '5m', renewable: false });
    expect(said(await call('POST', 'auth/token/renew-self', { token: fixed }))).toEqual(refused(400, 'lease is not renewable'));
    expect(said(await call('POST', 'auth/token/renew-self'))).toEqual(refused(400, 'invalid lease ID'));
    const { client_token: batch } = await tokenOf({ policies: ['default'], ttl: '5m', type: 'batch' });
    expect(said(await call('POST', 'auth/token/renew-self', { token: batch }))).toEqual(refused(400, 'batch tokens cannot be renewed'));
    expect(said(await call('POST', 'auth/token/renew', { body: { token: 'nope' } }))).toEqual(refused(400, 'token not found'));
  });
});

describe('a batch token', () => {
  test('has no accessor, is looked up like any other, and survives sealing', async () => {
    const auth = await tokenOf({ policies: ['default'], ttl: '5m', type: 'batch' });
    expect(auth).toEqual({
      ...authBlock,
      client_token: expect.stringMatching(/^hvb\.[0-9A-Za-z_-]{40,}$/),
      accessor: '',
      lease_duration: 300,
      renewable: false,
      token_type: 'batch',
    });
    const expected = lookup(auth, { type: 'batch', renewable: false });
    expect(said(await self(auth.client_token))).toEqual(shown(expected));
    await call('PUT', 'sys/seal');
    await shared.server.unseal();
    expect(said(await self(auth.client_token))).toEqual(shown(expected));
  });

  test('is one only to the letter', async () => {
    const { client_token } = await tokenOf({ policies: ['default'], type: 'batch' });
    const at = client_token.length - 10;
    const forged = client_token.slice(0, at) + (client_token[at] === 'A' ? 'B' : 'A') + client_token.slice(at + 1);
    expect(said(await self(forged))).toEqual(stranger);
    expect(said(await self('hvb.AAAA'))).toEqual(stranger);
    expect(said(await create({ policies: ['root'], type: 'batch', ttl: '5m' }))).toEqual(
      refused(400, 'batch tokens cannot be root tokens'),
    );
  });
});
