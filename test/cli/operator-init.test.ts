// operator init: shares and first token, printed once; what a script is told with -status.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { keyFromBytes } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { localBackend } from '../../src/keys/backends/local.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../suites/server.ts';
import { scriptedServer } from './scripted-server.ts';
import { type Session, type SessionOptions, session } from './session.ts';

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function home(options: SessionOptions): Session {
  const made = session(options);
  ends.push(made.end);
  return made;
}

async function fresh(options: TestServerOptions = {}): Promise<{ server: TestServer; vault: Session }> {
  const server = await startTestServer({ init: 'raw', ...options });
  ends.push(server.end);
  return { server, vault: home({ address: server.address }) };
}

const auto = () => localBackend({ current: keyFromBytes(systemRandom(32)) }, systemRandom);
const refusal = (server: TestServer, why: string) =>
  `Error initializing: Error making API request.\n\nURL: PUT ${server.address}/v1/sys/init\nCode: 400. Errors:\n\n* ${why}\n`;

describe('operator init', () => {
  it('prints five shares, of which three unseal, the root token and advice', async () => {
    const { vault } = await fresh();
    const { code, out, err } = await vault.run('operator', 'init');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const lines = out.split('\n');
    const shares = lines.slice(0, 5).map((line, at) => new RegExp(`^Unseal Key ${at + 1}: ([A-Za-z0-9+/]{44})$`).exec(line)?.[1] ?? '');
    expect(shares).not.toContain('');
    const token = /^Initial Root Token: (hvs\.\S{24})$/.exec(lines[6] ?? '')?.[1] ?? '';
    expect(lines[5]).toBe('');
    expect(out).toContain('\nVault is initialized, and still sealed. 3 of the 5 shares above unseal it');
    for (const share of [shares[4], shares[0]]) expect((await vault.run('operator', 'unseal', share as string)).out).toContain('true');
    expect((await vault.run('operator', 'unseal', shares[2] as string)).out).toMatch(/^Sealed +false$/m);
    expect((await vault.with({ token }).run('token', 'lookup', '-field=policies')).out).toBe('[root]');
  });

  it('tells a program the same in the members that scripts know, in their order', async () => {
    const { vault } = await fresh();
    const { code, out } = await vault.run('operator', 'init', '-n', '3', '-t=2', '-format=json');
    const made = JSON.parse(out) as Record<string, string[]>;
    expect(code).toBe(0);
    expect(Object.keys(made)).toEqual([
      'unseal_keys_b64',
      'unseal_keys_hex',
      'unseal_shares',
      'unseal_threshold',
      'recovery_keys_b64',
      'recovery_keys_hex',
      'recovery_keys_shares',
      'recovery_keys_threshold',
      'root_token',
    ]);
    expect(made).toMatchObject({ unseal_shares: 3, unseal_threshold: 2, recovery_keys_b64: [], recovery_keys_hex: [] });
    expect(made).toMatchObject({ recovery_keys_shares: 0, recovery_keys_threshold: 0, root_token: expect.stringMatching(/^hvs\./) });
    expect(made['unseal_keys_hex']?.map((hex) => Buffer.from(hex, 'hex').toString('base64'))).toEqual(made['unseal_keys_b64']);
  });

  it('gives a server that is unsealed by a key backend recovery shares, as many as asked for', async () => {
    const { vault } = await fresh({ backend: auto() });
    const { out } = await vault.run('operator', 'init', '-recovery-shares=4', '-recovery-threshold=2');
    expect(out).not.toContain('Unseal Key');
    expect(out).toMatch(/^Recovery Key 1: \S{44}\nRecovery Key 2: \S{44}\nRecovery Key 3: \S{44}\nRecovery Key 4: \S{44}\n\nInitial Root/);
    expect(out).toContain('The recovery key has 4 shares, of which 2 are enough.');
  });

  it('makes five recovery shares when nothing is said, and tells a program of one share that nobody holds', async () => {
    const { vault } = await fresh({ backend: auto() });
    const made = JSON.parse((await vault.run('operator', 'init', '-format=json')).out) as Record<string, unknown>;
    expect(made).toMatchObject({ unseal_keys_b64: [], unseal_keys_hex: [], unseal_shares: 1, unseal_threshold: 1 });
    expect(made).toMatchObject({ recovery_keys_shares: 5, recovery_keys_threshold: 3 });
    expect(made['recovery_keys_hex']).toHaveLength(5);
  });

  it('warns of recovery shares that the server does not have, and goes on', async () => {
    const { vault } = await fresh();
    const { code, out, err } = await vault.run('operator', 'init', '-recovery-shares=7');
    expect(code).toBe(0);
    expect(out).toContain('Unseal Key 5: ');
    expect(err).toContain('it gets no\nrecovery shares.\n');
  });

  it('prints what the server refuses', async () => {
    const { server, vault } = await fresh();
    const bounds = refusal(server, 'invalid seal configuration: threshold cannot be larger than shares');
    expect(await vault.run('operator', 'init', '-key-shares=2')).toEqual({ code: 2, out: '', err: bounds });
    await vault.run('operator', 'init', '-key-shares=1', '-key-threshold=1');
    expect(await vault.run('operator', 'init')).toEqual({ code: 2, out: '', err: refusal(server, 'Vault is already initialized') });
  });

  it('takes no arguments', async () => {
    const { vault } = await fresh();
    const err = 'Too many arguments (expected 0, got 1)\n';
    expect(await vault.run('operator', 'init', 'now')).toEqual({ code: 1, out: '', err });
  });

  it('prints the request that makes the shares as a curl line, and sends none', async () => {
    const { vault } = await fresh();
    const { code, out } = await vault.run('operator', 'init', '-output-curl-string');
    expect(code).toBe(0);
    expect(out).toMatch(/^curl -X PUT .*"secret_shares":5,"secret_threshold":3.*\/v1\/sys\/init"\n$/);
    expect((await vault.run('operator', 'init', '-status')).code).toBe(2);
  });
});

describe('operator init -status', () => {
  it('is 2 before and 0 after', async () => {
    const { vault } = await fresh();
    expect(await vault.run('operator', 'init', '-status')).toEqual({ code: 2, out: 'Vault is not initialized\n', err: '' });
    await vault.run('operator', 'init');
    expect(await vault.run('operator', 'init', '-status')).toEqual({ code: 0, out: 'Vault is initialized\n', err: '' });
    const json = await vault.run('operator', 'init', '-status', '-format=json');
    expect(json).toEqual({ code: 0, out: '{\n  "Initialized": true\n}\n', err: '' });
  });

  it('is 1 when nobody answers, and when the address is none: neither says that it is not initialised', async () => {
    const { server, vault } = await fresh();
    await server.end();
    const silent = await vault.run('operator', 'init', '-status');
    expect(silent).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^Error checking init status: /) });
    expect((await vault.run('operator', 'init', '-status', '-address=nonsense')).code).toBe(1);
    ends.splice(ends.indexOf(server.end), 1);
  });
});

describe('PGP keys', () => {
  const body = 'mQENBFXbjPUBCADjNjCUQwfxKL+RR2GA6pv/1K+zJZ8UWIF9S0lk7cVIEfJiprzzwiMwBS5cD0da';
  const key = `${body}rGin1FHvIWOZxujA7oW0O2TUuatqI3aAYDTfRYurh6iKLC+VS+F7H+/mhfFvKmgr0Y5kDCF1\n`;
  const base64 = key.trim();
  const files = {
    armoured: `-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: GnuPG v1\n\n${body}\n${key.slice(body.length)}=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n`,
    base64: `${body}\n${key.slice(body.length)}`,
    binary: Buffer.from(base64, 'base64'),
  };

  it('in files reach the server in base64, however the file holds them', async () => {
    const server = await scriptedServer([
      { status: 200, body: { recovery_seal: false } },
      { status: 200, body: { keys: ['00'], keys_base64: ['AA=='], root_token: 'wcBM' } },
    ]);
    ends.push(server.end);
    const vault = home({ address: server.address });
    const paths = Object.entries(files).map(([name, contents]) => {
      writeFileSync(join(vault.home, name), contents);
      return join(vault.home, name);
    });
    const { code, out } = await vault.run('operator', 'init', `-pgp-keys=${paths.join(',')}`, `-root-token-pgp-key=${paths[0]}`);
    expect({ code, first: out.split('\n')[0] }).toEqual({ code: 0, first: 'Unseal Key 1: AA==' });
    expect(JSON.parse(server.asked[1]?.body ?? '')).toMatchObject({
      pgp_keys: [base64, base64, base64],
      root_token_pgp_key: base64,
      recovery_pgp_keys: [],
    });
  });

  it('are refused by the server in a sentence', async () => {
    const { server, vault } = await fresh();
    writeFileSync(join(vault.home, 'key'), key);
    const why = 'PGP keys are not supported yet: initialise without them and encrypt the shares yourself';
    for (const flag of ['pgp-keys', 'root-token-pgp-key', 'recovery-pgp-keys']) {
      const refused = await vault.run('operator', 'init', `-${flag}=${join(vault.home, 'key')}`);
      expect(refused).toEqual({ code: 2, out: '', err: refusal(server, why) });
    }
  });

  it('that cannot be read, or lie elsewhere, end the command before anything is sent', async () => {
    const vault = home({});
    expect(await vault.run('operator', 'init', '-pgp-keys=/nowhere/key')).toEqual({
      code: 1,
      out: '',
      err: '-pgp-keys: cannot read /nowhere/key: ENOENT\n',
    });
    expect((await vault.run('operator', 'init', '-root-token-pgp-key=keybase:ann')).err).toContain('keys are not fetched from Keybase');
    writeFileSync(join(vault.home, 'private'), '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nabcd\n-----END PGP PRIVATE KEY BLOCK-----\n');
    const wrong = await vault.run('operator', 'init', `-pgp-keys=${join(vault.home, 'private')}`);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('holds no public PGP key') });
  });
});
