// How command lines are understood: help, wrong use, flags and environment, what is sent.

import { afterEach, describe, expect, it } from 'vitest';
import { type Scripted, type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { type Session, type SessionOptions, session } from './session.ts';

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function home(options: SessionOptions = {}): Session {
  const made = session(options);
  ends.push(made.end);
  return made;
}

async function against(answers: readonly Scripted[], options: SessionOptions = {}): Promise<{ server: ScriptedServer; vault: Session }> {
  const server = await scriptedServer(answers);
  ends.push(server.end);
  return { server, vault: home({ address: server.address, token: 'secret-token', ...options }) };
}

const ok: Scripted = { status: 200, body: { request_id: 'r', data: { a: '1' } } };

describe('a command that does not exist', () => {
  it.each([[[]], [['nosuchcommand']]])('%j is answered with the list of commands on stderr, and 127', async (words) => {
    const { code, out, err } = await home().run(...words);
    expect({ code, out }).toEqual({ code: 127, out: '' });
    expect(err).toMatch(/^Usage: vault <command> \[args\]\n\nCommon commands:\n {4}read /);
  });

  it('within a group is answered with the commands of the group, and 1', async () => {
    const { code, err } = await home().run('print', 'nothing');
    expect(code).toBe(1);
    expect(err).toMatch(/^Usage: vault print <subcommand>/);
  });
});

describe('help', () => {
  it.each(['-h', '-help', '--help'])('is printed on stdout for %s', async (flag) => {
    const vault = home();
    expect(await vault.run(flag)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Usage: vault <command> [args]') });
    expect((await vault.run('print', flag)).out).toMatch(/^Usage: vault print <subcommand>/);
    expect((await vault.run('read', 'a', flag)).out).toMatch(/^Usage: vault read \[options\] PATH/);
  });

  it('speaks of the command by the name that it was called by', async () => {
    const { out } = await home({ name: 'bao' }).run('write', '-h');
    expect(out).toContain('      $ bao write -f transit/keys/my-key\n');
    expect(out).toContain('  -f, -force\n');
    expect(out).toContain('BAO_ADDR');
  });
});

describe('the version', () => {
  it.each([
    ['vault', /^Vault v1\.\d+\.\d+ \(casemate \d+\.\d+\.\d+\)\n$/],
    ['bao', /^OpenBao v2\.\d+\.\d+ \(casemate \d+\.\d+\.\d+\)\n$/],
    ['casemate', /^Casemate v\d+\.\d+\.\d+\n$/],
  ])('under the name %s is what tools expect there', async (name, line) => {
    for (const word of ['version', '-version', '--version', '-v']) expect((await home({ name }).run(word)).out).toMatch(line);
  });
});

describe('wrong use ends with 1 and a sentence on stderr', () => {
  it.each([
    [['read'], 'Not enough arguments (expected at least 1, got 0)'],
    [['list', 'a', 'b'], 'Too many arguments (expected 1, got 2)'],
    [['unwrap', 'a', 'b'], 'Too many arguments (expected 0-1, got 2)'],
    [['status', 'a'], 'Too many arguments (expected 0, got 1)'],
    [['write', 'a'], 'Must supply data or use -force'],
    [['write', 'a', 'novalue'], 'Failed to parse K=V data: invalid key/value pair "novalue": format must be key=value'],
    [['read', '-nosuchflag', 'a'], 'flag provided but not defined: -nosuchflag'],
    [['list', '-field=a', 'a'], 'flag provided but not defined: -field'],
    [['read', '-format=xml', 'a'], 'Invalid output format: xml'],
    [['list', '-format=raw', 'a'], 'This command does not support the -format=raw option.'],
    [
      ['-format=json', 'read', 'a'],
      'Invalid flags before the subcommand. If these flags are for the subcommand, please put them after the subcommand.',
    ],
  ])('%j', async (words, sentence) => {
    expect(await home({ address: 'http://127.0.0.1:1' }).run(...words)).toEqual({ code: 1, out: '', err: `${sentence}\n` });
  });

  it('warns of flags behind the first argument', async () => {
    const { server, vault } = await against([ok]);
    const { code, err } = await vault.run('read', 'a', '-field=x');
    expect(code).toBe(0);
    expect(err).toContain('The following arguments will not be parsed as flags: [-field=x]');
    expect(server.asked[0]?.url).toBe('/v1/a?-field=x');
  });
});

describe('what is asked', () => {
  it('goes to the address of the flag before that of the environment, with what the flags add', async () => {
    const { server, vault } = await against([ok]);
    const far = vault.with({ address: 'http://127.0.0.1:1', env: { VAULT_NAMESPACE: 'env' } });
    await far.run(
      'read',
      `-address=${server.address}`,
      '-ns=/team/a',
      '-header=X-Own=1',
      '-mfa=m:1',
      '-mfa=n:2',
      '-policy-override',
      '-wrap-ttl=5m',
      'a',
    );
    expect(server.asked[0]?.headers).toMatchObject({
      'x-vault-token': 'secret-token',
      'x-vault-namespace': 'team/a/',
      'x-own': '1',
      'x-vault-mfa': 'm:1,n:2',
      'x-vault-policy-override': 'true',
      'x-vault-wrap-ttl': '300s',
    });
  });

  it('bears no header of -header that is the own of the client', async () => {
    const { server, vault } = await against([ok]);
    const { code, err } = await vault.run('read', '-header=x-vault-own=other', '-header=X-Vault-Token=other', 'a');
    expect(code).toBe(2);
    expect(err).toContain('failed to setup Headers[x-vault-own, X-Vault-Token]');
    expect(server.asked).toEqual([]);
  });

  it('takes format and namespace from the environment', async () => {
    const { server, vault } = await against([ok], { env: { VAULT_FORMAT: 'JSON', BAO_NAMESPACE: 'team' } });
    expect(JSON.parse((await vault.run('read', 'a')).out)).toMatchObject({ data: { a: '1' } });
    expect((await vault.run('read', '-format=table', 'a')).out).toMatch(/^Key/);
    expect(server.asked[0]?.headers['x-vault-namespace']).toBe('team/');
  });

  it('is asked once, or as often as the environment says', async () => {
    const { server, vault } = await against([{ status: 503, body: { errors: ['Vault is sealed'] } }]);
    await vault.run('read', 'a');
    expect(server.asked).toHaveLength(1);
    await vault.with({ env: { VAULT_MAX_RETRIES: '1' } }).run('read', 'a');
    expect(server.asked).toHaveLength(3);
  });

  it('lists in pages where pages are asked for, and not otherwise', async () => {
    const { server, vault } = await against([
      { status: 200, body: { data: { keys: ['b', 'a'], key_info: { a: { ttl: 60, name: 'x' } } } } },
    ]);
    expect((await vault.run('list', 'p')).out).toBe('Keys\n----\na\nb\n');
    await vault.run('list', '-after=a', '-limit=2', 'p');
    expect(server.asked.map(({ url }) => url)).toEqual(['/v1/p?list=true', '/v1/p?after=a&limit=2&list=true']);
    expect((await vault.run('list', '-detailed', 'p')).out).toBe(
      'Keys    name    ttl\n----    ----    ---\na       x       1m\nb       n/a     n/a\n',
    );
  });

  it('reads from stdin where - says so, and nothing with -non-interactive', async () => {
    const { server, vault } = await against([{ status: 204 }], { stdin: 'typed\n' });
    await vault.run('write', 'a', 'x=-');
    await vault.run('write', '-non-interactive', 'a', 'x=-');
    expect(server.asked.map(({ body }) => body)).toEqual(['{"x":"typed\\n"}', '{"x":""}']);
  });
});

describe('-output-curl-string', () => {
  it('prints the request without the token, and sends nothing', async () => {
    const { server, vault } = await against([ok], { env: { VAULT_SKIP_VERIFY: 'true' } });
    expect(await vault.run('write', '-output-curl-string', '-namespace=n', 'a/$b', "x=it's")).toEqual({
      code: 0,
      err: '',
      out: `curl --insecure -X PUT -H "X-Vault-Request: true" -H "X-Vault-Token: $(vault print token)" -H "X-Vault-Namespace: n/" -d '{"x":"it'"'"'s"}' "${server.address}/v1/a/\\$b"\n`,
    });
    expect(server.asked).toEqual([]);
  });
});

describe('a server that cannot be asked', () => {
  const refused = 'dial tcp 127.0.0.1:1: connect: connection refused';

  it('is exit code 1 for status and 2 for all else', async () => {
    const vault = home({ address: 'http://127.0.0.1:1' });
    expect(await vault.run('status')).toEqual({
      code: 1,
      out: '',
      err: `Error checking seal status: Get "http://127.0.0.1:1/v1/sys/seal-status": ${refused}\n`,
    });
    expect(await vault.run('read', 'a')).toEqual({ code: 2, out: '', err: `Error reading a: Get "http://127.0.0.1:1/v1/a": ${refused}\n` });
  });

  it('because of its address or the environment is told in a sentence', async () => {
    expect(await home({ address: 'nowhere' }).run('read', 'a')).toMatchObject({
      code: 2,
      err: expect.stringContaining('"nowhere" is no URL'),
    });
    expect(await home({ address: 'nowhere' }).run('status')).toMatchObject({ code: 1 });
    expect(await home({ env: { VAULT_SKIP_VERIFY: 'maybe' } }).run('read', 'a')).toEqual({
      code: 2,
      out: '',
      err: 'could not parse VAULT_SKIP_VERIFY\n',
    });
  });

  it('with others beside it may be sealed and unable to tell who leads', async () => {
    const sealed = {
      type: 'shamir',
      initialized: true,
      sealed: true,
      t: 2,
      n: 3,
      progress: 0,
      nonce: '',
      version: '1',
      recovery_seal: false,
    };
    const { vault } = await against([
      { status: 200, body: sealed },
      { status: 503, body: { errors: ['Vault is sealed'] } },
    ]);
    const { code, out } = await vault.run('status');
    expect(code).toBe(2);
    expect(out).toMatch(/^HA Enabled {9}true\n$/m);
  });
});
