// Password policies: taken only when a password can follow them, and followed by every password that is made.

import { describe, expect, test } from 'vitest';
import { done, nothingThere, refused, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const { call } = sharedServer();

const path = (name: string) => `sys/policies/password/${name}`;
const write = (name: string, policy: string) => call('PUT', path(name), { body: { policy } });
const strict = `
length = 12
rule "charset" { charset = "abcdefghij" min-chars = 3 }
rule "charset" { charset = "0123456789" min-chars = 4 }
rule "charset" { charset = "ßé€" min-chars = 2 }
`;

describe('a policy', () => {
  test('is read as it was written, listed and deleted', async () => {
    expect(said(await call('LIST', 'sys/policies/password'))).toEqual(nothingThere);
    expect(said(await write('Strict', strict))).toEqual(done);
    expect(said(await call('GET', path('strict')))).toEqual(shown({ policy: strict }));
    expect(said(await write('coded', Buffer.from(strict).toString('base64')))).toEqual(done);
    expect(said(await call('GET', path('coded')))).toEqual(shown({ policy: strict }));
    expect(said(await write('json', '{"length": 8, "rule": [{"charset": {"charset": "abc"}}]}'))).toEqual(done);
    expect(said(await call('LIST', 'sys/policies/password'))).toEqual(shown({ keys: ['coded', 'json', 'strict'] }));
    expect(said(await call('DELETE', path('coded')))).toEqual(done);
    expect(said(await call('GET', path('coded')))).toEqual(nothingThere);
  });

  test.each([
    ['', 'missing policy'],
    ['length = 3 rule "charset" { charset = "abc" }', 'passwords must be between 4 and 100 characters'],
    ['length = 101 rule "charset" { charset = "abc" }', 'passwords must be between 4 and 100 characters'],
    ['rule "charset" { charset = "abc" }', 'invalid password policy: length must be given'],
    ['length = 8', 'invalid password policy: at least one rule "charset" must be given'],
    ['length = 8 rule "charset" { charset = "" }', 'invalid password policy: a charset must not be empty'],
    ['length = 8 rule "other" { }', 'invalid password policy: unknown rule "other": there is "charset"'],
    [
      'length = 4 rule "charset" { charset = "abc" min-chars = 5 }',
      'invalid password policy: specified rules require at least 5 characters but 4 is specified',
    ],
    ['length = "long" rule "charset" { charset = "abc" }', 'invalid password policy: length must be a whole number'],
    ['length = 8 colour = "red"', 'invalid password policy: unknown key "colour"'],
  ])('that says %j is refused', async (policy, error) => {
    expect(said(await write('bad', policy))).toEqual(refused(400, error));
    expect((await call('GET', path('bad'))).status).toBe(404);
  });

  test('that no password can follow is refused when it is written', async () => {
    const impossible =
      'length = 100 rule "charset" { charset = "a" min-chars = 99 } rule "charset" { charset = "bcdefghijklmnopqrstuvwxyz" }';
    expect((await write('bad', impossible)).body.errors[0]).toMatch(/are the rules impossible/);
  });
});

describe('a password', () => {
  test('follows the policy, each time another one', async () => {
    await write('strict', strict);
    const made = new Set<string>();
    for (let time = 0; time < 50; time++) {
      const { password } = (await call('GET', `${path('strict')}/generate`)).body.data;
      const count = (set: RegExp) => [...password].filter((character) => set.test(character)).length;
      expect([...password]).toHaveLength(12);
      expect(count(/[a-j]/)).toBeGreaterThanOrEqual(3);
      expect(count(/[0-9]/)).toBeGreaterThanOrEqual(4);
      expect(count(/[ßé€]/)).toBeGreaterThanOrEqual(2);
      expect(password).toMatch(/^[a-j0-9ßé€]*$/);
      made.add(password);
    }
    expect(made.size).toBe(50);
    expect(said(await call('GET', `${path('none')}/generate`))).toEqual(refused(404, 'policy does not exist'));
  });
});
