// The end of tokens: revoked by hand, with their parents, or by time; and what goes with them.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { denied, done, envelope, nothingThere, refused, said, shown, stranger } from './shapes.ts';
import { sharedServer, type TokenAuth } from './shared-server.ts';

const shared = sharedServer();
const { call, tokenOf } = shared;

const self = (token: string) => call('GET', 'auth/token/lookup-self', { token });
const revoke = (token: string) => call('POST', 'auth/token/revoke', { body: { token } });
/** Those of the tokens that still work. */
async function alive(...tokens: readonly TokenAuth[]): Promise<boolean[]> {
  return Promise.all(tokens.map(async ({ client_token }) => (await self(client_token)).status === 200));
}

/** A root token that ends, so that it may have children of every kind. */
const parentToken = (token?: string) => tokenOf({ policies: ['root'], ttl: '1h' }, token);
const child = (parent: TokenAuth, terms = {}) => tokenOf({ policies: ['default'], ttl: '5m', ...terms }, parent.client_token);

describe('revoking', () => {
  test('by name, by accessor and by itself makes a token useless at once', async () => {
    const [one, two, three] = [
      await tokenOf({ policies: ['default'] }),
      await tokenOf({ policies: ['default'] }),
      await tokenOf({ policies: ['default'] }),
    ];
    expect(said(await revoke(one.client_token))).toEqual(done);
    expect(said(await call('POST', 'auth/token/revoke-accessor', { body: { accessor: two.accessor } }))).toEqual(done);
    expect(said(await call('POST', 'auth/token/revoke-self', { token: three.client_token }))).toEqual(done);
    for (const { client_token, accessor } of [one, two, three]) {
      expect(said(await self(client_token))).toEqual(stranger);
      expect(said(await call('POST', 'auth/token/lookup', { body: { token: client_token } }))).toEqual(refused(403, 'bad token'));
      expect((await call('POST', 'auth/token/lookup-accessor', { body: { accessor } })).status).toBe(400);
    }
    const { body } = await call('LIST', 'auth/token/accessors');
    for (const { accessor } of [one, two, three]) expect(body.data.keys).not.toContain(accessor);
  });

  test('what is not there is no fault by name, a warning by accessor, and refused where children are to be kept', async () => {
    expect(said(await revoke('nope'))).toEqual(done);
    expect(said(await call('POST', 'auth/token/revoke-accessor', { body: { accessor: 'nope' } }))).toEqual([
      200,
      envelope({ warnings: ['No token found with this accessor'] }),
    ]);
    expect(said(await call('POST', 'auth/token/revoke-orphan', { body: { token: 'nope' } }))).toEqual(
      refused(400, 'token to revoke not found'),
    );
  });

  test('nothing in particular is refused', async () => {
    for (const route of ['revoke', 'revoke-orphan'])
      expect(said(await call('POST', `auth/token/${route}`, { body: {} }))).toEqual(refused(400, 'missing token ID'));
    expect(said(await call('POST', 'auth/token/revoke-accessor', { body: {} }))).toEqual(refused(400, 'missing accessor'));
  });

  test('a batch token is refused, since no store holds it', async () => {
    const { client_token } = await tokenOf({ policies: ['default'], type: 'batch', ttl: '5m' });
    expect(said(await revoke(client_token))).toEqual(refused(400, 'batch tokens cannot be revoked'));
    expect(said(await call('POST', 'auth/token/revoke-self', { token: client_token }))).toEqual(
      refused(400, 'batch tokens cannot be revoked'),
    );
  });

  test('others needs a policy, oneself does not', async () => {
    const [one, other] = [await tokenOf({ policies: ['default'] }), await tokenOf({ policies: ['default'] })];
    const attempt = await call('POST', 'auth/token/revoke', { token: one.client_token, body: { token: other.client_token } });
    expect(said(attempt)).toEqual(denied);
    expect(await alive(one, other)).toEqual([true, true]);
    expect(said(await call('POST', 'auth/token/revoke-self', { token: one.client_token }))).toEqual(done);
    expect(await alive(one, other)).toEqual([false, true]);
  });

  test('frees an id for its next bearer, who inherits nothing', async () => {
    await tokenOf({ id: 'reused', policies: ['default'] });
    await call('POST', 'cubbyhole/a', { token: 'reused', body: { x: '1' } });
    await revoke('reused');
    await tokenOf({ id: 'reused', policies: ['default'] });
    expect(said(await call('GET', 'cubbyhole/a', { token: 'reused' }))).toEqual(nothingThere);
  });

  test('holds across sealing', async () => {
    const [kept, gone] = [await tokenOf({ policies: ['default'] }), await tokenOf({ policies: ['default'] })];
    await revoke(gone.client_token);
    await call('PUT', 'sys/seal');
    await shared.server.unseal();
    expect(await alive(kept, gone)).toEqual([true, false]);
  });
});

describe('a tree of tokens', () => {
  test('falls with its root, to the last leaf, and nothing beside it does', async () => {
    const top = await parentToken();
    const beside = await parentToken();
    const middle = await parentToken(top.client_token);
    const leaves = await Promise.all(Array.from({ length: 40 }, () => child(middle)));
    const cousin = await child(beside);
    expect(said(await revoke(top.client_token))).toEqual(done);
    expect(await alive(top, middle, ...leaves)).toEqual(Array(42).fill(false));
    expect(await alive(beside, cousin)).toEqual([true, true]);
    const { body } = await call('LIST', 'auth/token/accessors');
    for (const { accessor } of [middle, ...leaves]) expect(body.data.keys).not.toContain(accessor);
  });

  test('falls only below the token that is revoked', async () => {
    const top = await parentToken();
    const middle = await parentToken(top.client_token);
    const leaf = await child(middle);
    await revoke(middle.client_token);
    expect(await alive(top, middle, leaf)).toEqual([true, false, false]);
  });

  test('leaves orphans alone, those that were made so and those of a role', async () => {
    const top = await parentToken();
    const orphan = await child(top, { no_parent: true });
    const made = await call('POST', 'auth/token/create-orphan', { token: top.client_token, body: { policies: ['default'] } });
    await call('POST', 'auth/token/roles/orphans', { body: { orphan: true } });
    const ofRole = await call('POST', 'auth/token/create/orphans', { token: top.client_token, body: { policies: ['default'] } });
    await revoke(top.client_token);
    expect(await alive(top, orphan, made.body.auth, ofRole.body.auth)).toEqual([false, true, true, true]);
  });

  test('is kept, without its root, where its children are to be orphans', async () => {
    const top = await parentToken();
    const middle = await parentToken(top.client_token);
    const leaf = await child(middle);
    expect(said(await call('POST', 'auth/token/revoke-orphan', { body: { token: top.client_token } }))).toEqual(done);
    expect(await alive(top, middle, leaf)).toEqual([false, true, true]);
    expect((await self(middle.client_token)).body.data.orphan).toBe(true);
    expect((await self(leaf.client_token)).body.data.orphan).toBe(false);
    await revoke(middle.client_token);
    expect(await alive(leaf)).toEqual([false]);
  });

  test('may be cut from its root only with sudo', async () => {
    const top = await parentToken();
    const token = await shared.tokenWith('path "auth/token/revoke-orphan" { capabilities = ["update"] }');
    expect(said(await call('POST', 'auth/token/revoke-orphan', { token, body: { token: top.client_token } }))).toEqual(denied);
    const mighty = await shared.tokenWith('path "auth/token/revoke-orphan" { capabilities = ["update", "sudo"] }');
    expect(said(await call('POST', 'auth/token/revoke-orphan', { token: mighty, body: { token: top.client_token } }))).toEqual(done);
  });

  test('has no leaf that slipped in while its root was revoked', async () => {
    const top = await parentToken();
    const attempts = Array.from({ length: 20 }, () =>
      call('POST', 'auth/token/create', { token: top.client_token, body: { policies: ['default'] } }),
    );
    const [, ...answers] = await Promise.all([revoke(top.client_token), ...attempts]);
    const made = answers.filter(({ status }) => status === 200).map(({ body }) => body.auth as TokenAuth);
    expect(await alive(...made)).toEqual(made.map(() => false));
  });

  test('takes batch tokens with it, which no store knows', async () => {
    const top = await parentToken();
    const batch = await child(top, { type: 'batch' });
    const orphan = await child(top, { type: 'batch', no_parent: true });
    expect(await alive(batch, orphan)).toEqual([true, true]);
    await revoke(top.client_token);
    expect(await alive(batch, orphan)).toEqual([false, true]);
  });
});

describe('what goes with a token', () => {
  test('is its cubbyhole', async () => {
    const [one, other] = [await tokenOf({ id: 'hole', policies: ['default'] }), await tokenOf({ policies: ['default'] })];
    for (const { client_token: token } of [one, other]) await call('POST', 'cubbyhole/dir/a', { token, body: { x: '1' } });
    await revoke(one.client_token);
    expect(said(await call('GET', 'cubbyhole/dir/a', { token: other.client_token }))).toEqual(shown({ x: '1' }));
    await tokenOf({ id: 'hole', policies: ['default'] });
    expect(said(await call('LIST', 'cubbyhole', { token: 'hole' }))).toEqual(nothingThere);
  });

  test('is its lease', async () => {
    const { client_token } = await tokenOf({ policies: ['default'], ttl: '5m' });
    const leases = async () => ((await call('LIST', 'sys/leases/lookup/auth/token/create')).body.data?.keys ?? []).length;
    const before = await leases();
    await revoke(client_token);
    expect(await leases()).toBe(before - 1);
  });
});

describe.concurrent('time', () => {
  test('ends a token to the second, and its children with it', async ({ expect }) => {
    const top = await tokenOf({ policies: ['root'], ttl: '1s' });
    const leaf = await child(top, { ttl: '1h' });
    const counted = await tokenOf({ policies: ['default'], ttl: '1s', num_uses: 9 });
    expect(await alive(top, leaf, counted)).toEqual([true, true, true]);
    await sleep(1_100);
    expect(said(await self(top.client_token))).toEqual(stranger);
    expect(said(await self(counted.client_token))).toEqual(stranger);
    await expect.poll(() => alive(leaf), { timeout: 5_000 }).toEqual([false]);
    await expect
      .poll(async () => (await call('LIST', 'auth/token/accessors')).body.data.keys, { timeout: 5_000 })
      .not.toContain(top.accessor);
  });

  test('ends a batch token, and one whose parent has ended', async ({ expect }) => {
    const top = await tokenOf({ policies: ['root'], ttl: '1s' });
    const [short, long] = [
      await tokenOf({ policies: ['default'], ttl: '1s', type: 'batch' }),
      await child(top, { type: 'batch', ttl: '1h' }),
    ];
    expect(await alive(short, long)).toEqual([true, true]);
    await sleep(1_100);
    expect(await alive(short, long)).toEqual([false, false]);
  });

  test('that was renewed is longer', async ({ expect }) => {
    const auth = await tokenOf({ policies: ['default'], ttl: '1s' });
    await call('POST', 'auth/token/renew-self', { token: auth.client_token, body: { increment: '1h' } });
    await sleep(1_200);
    expect(await alive(auth)).toEqual([true]);
  });
});

describe('tidying', () => {
  test('is started and not waited for', async () => {
    const { status, body } = await call('POST', 'auth/token/tidy');
    expect([status, body]).toEqual([
      202,
      envelope({
        warnings: [
          expect.stringMatching(
            /^Tidy operation successfully started\. Any information from the operation will be printed to .*'s server logs\.$/,
          ),
        ],
      }),
    ]);
  });
});
