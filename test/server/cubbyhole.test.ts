// The cubbyhole: secrets of one token that nobody else sees, root included.

import { describe, expect, test } from 'vitest';
import { denied, done, envelope, nothingThere, refused, said, shown, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, tokenOf } = shared;

async function ownToken(): Promise<string> {
  return (await tokenOf({ policies: ['default'] })).client_token;
}

describe('a cubbyhole', () => {
  test('keeps what is put there, without any lease', async () => {
    const token = await ownToken();
    const secret = { x: '1', n: 2, o: { p: [true, null] } };
    expect(said(await call('POST', 'cubbyhole/dir/a', { token, body: secret }))).toEqual(done);
    expect(said(await call('GET', 'cubbyhole/dir/a', { token }))).toEqual([200, envelope({ data: secret })]);
    expect(said(await call('PUT', 'cubbyhole/dir/a', { token, body: { y: '2' } }))).toEqual(done);
    expect(said(await call('GET', 'cubbyhole/dir/a', { token }))).toEqual(shown({ y: '2' }));
  });

  test('lists names level by level', async () => {
    const token = await ownToken();
    for (const path of ['b', 'a', 'dir/one', 'dir/sub/two']) await call('POST', `cubbyhole/${path}`, { token, body: { x: '1' } });
    expect(said(await call('LIST', 'cubbyhole', { token }))).toEqual(shown({ keys: ['a', 'b', 'dir/'] }));
    expect(said(await call('LIST', 'cubbyhole/dir/', { token }))).toEqual(shown({ keys: ['one', 'sub/'] }));
  });

  test('is empty at first, and again when all is deleted', async () => {
    const token = await ownToken();
    expect(said(await call('GET', 'cubbyhole/a', { token }))).toEqual(nothingThere);
    expect(said(await call('LIST', 'cubbyhole', { token }))).toEqual(nothingThere);
    await call('POST', 'cubbyhole/a', { token, body: { x: '1' } });
    for (let times = 0; times < 2; times++) expect(said(await call('DELETE', 'cubbyhole/a', { token }))).toEqual(done);
    expect(said(await call('LIST', 'cubbyhole', { token }))).toEqual(nothingThere);
  });

  test('takes no secret that holds nothing', async () => {
    expect(said(await call('POST', 'cubbyhole/a', { body: {} }))).toEqual(refused(400, 'missing data fields'));
  });

  test('is seen by its token alone', async () => {
    const [one, other] = [await ownToken(), await ownToken()];
    await call('POST', 'cubbyhole/a', { token: one, body: { x: 'one' } });
    for (const token of [other, shared.server.rootToken]) {
      expect(said(await call('GET', 'cubbyhole/a', { token }))).toEqual(nothingThere);
      expect(said(await call('LIST', 'cubbyhole', { token }))).toEqual(nothingThere);
      expect(said(await call('DELETE', 'cubbyhole/a', { token }))).toEqual(done);
      await call('POST', 'cubbyhole/a', { token, body: { x: 'other' } });
    }
    expect(said(await call('GET', 'cubbyhole/a', { token: one }))).toEqual(shown({ x: 'one' }));
    expect(said(await call('GET', 'cubbyhole/a', { token: null }))).toEqual(stranger);
  });

  test('is not handed down to children', async () => {
    const parent = await tokenOf({ policies: ['root'], ttl: '1h' });
    await call('POST', 'cubbyhole/a', { token: parent.client_token, body: { x: '1' } });
    const { client_token: child } = await tokenOf({ ttl: '5m' }, parent.client_token);
    expect(said(await call('GET', 'cubbyhole/a', { token: child }))).toEqual(nothingThere);
  });

  test('is there across sealing', async () => {
    const token = await ownToken();
    await call('POST', 'cubbyhole/a', { token, body: { x: '1' } });
    await call('PUT', 'sys/seal');
    await shared.server.unseal();
    expect(said(await call('GET', 'cubbyhole/a', { token }))).toEqual(shown({ x: '1' }));
  });

  test('can be kept from a token by its policies', async () => {
    const token = await shared.tokenWith('path "cubbyhole/*" { capabilities = ["deny"] }');
    expect(said(await call('POST', 'cubbyhole/a', { token, body: { x: '1' } }))).toEqual(denied);
    const { client_token: bare } = await tokenOf({ policies: ['none'], no_default_policy: true });
    expect(said(await call('GET', 'cubbyhole/a', { token: bare }))).toEqual(denied);
  });
});
