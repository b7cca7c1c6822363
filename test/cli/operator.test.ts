// operator unseal, seal, key-status, rotate, members and step-down on a whole server.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
let nobody: Session;
beforeAll(async () => {
  server = await startTestServer({ init: { shares: 3, threshold: 2 } });
  vault = session({ address: server.address, token: server.rootToken });
  nobody = vault.with({ token: 'wrong' });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

const denied = (what: string, method: string, path: string) => ({
  code: 2,
  out: '',
  err: `${what}: Error making API request.\n\nURL: ${method} ${server.address}/v1/${path}\nCode: 403. Errors:\n\n* permission denied\n`,
});
const cells = (out: string) => Object.fromEntries(out.split('\n').map((line) => line.split(/ {2,}/))) as Record<string, string>;

describe('operator key-status', () => {
  it('prints term, time and count without a header', async () => {
    const { code, out, err } = await vault.run('operator', 'key-status');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^Key Term {12}1\nInstall Time {8}\d\d [A-Z][a-z][a-z] \d\d \d\d:\d\d UTC\nEncryption Count {4}\d+\n$/);
  });

  it('prints a time in UTC, as Go writes RFC 822', async () => {
    const data = { term: 7, install_time: '2031-03-04T23:05:59.123456789-02:00', encryptions: 12 };
    const scripted = await scriptedServer([{ status: 200, body: { request_id: 'r', data } }]);
    const { out } = await vault.with({ address: scripted.address }).run('operator', 'key-status');
    expect(out).toBe('Key Term            7\nInstall Time        05 Mar 31 01:05 UTC\nEncryption Count    12\n');
    await scripted.end();
  });

  it('is an object for a program, in the order that scripts know', async () => {
    const { out } = await vault.run('operator', 'key-status', '-format=json');
    expect(Object.keys(JSON.parse(out) as object)).toEqual(['term', 'install_time', 'encryptions']);
  });

  it('is refused without a good token, and takes no arguments', async () => {
    expect(await nobody.run('operator', 'key-status')).toEqual(denied('Error reading key status', 'GET', 'sys/key-status'));
    expect(await vault.run('operator', 'key-status', 'x')).toMatchObject({ code: 1, out: '' });
  });
});

describe('operator rotate', () => {
  it('adds a term, and tells of it', async () => {
    const before = cells((await vault.run('operator', 'key-status')).out)['Key Term'];
    const { code, out, err } = await vault.run('operator', 'rotate');
    expect({ code, err, start: out.slice(0, 21) }).toEqual({ code: 0, err: '', start: 'Success! Rotated key\n' });
    expect(cells(out)['Key Term']).toBe(String(Number(before) + 1));
    const json = JSON.parse((await vault.run('operator', 'rotate', '-format=json')).out) as object;
    expect(json).toMatchObject({ term: Number(before) + 2, encryptions: expect.any(Number) });
  });

  it('is refused without a good token, and takes no arguments', async () => {
    expect(await nobody.run('operator', 'rotate')).toEqual(denied('Error rotating key', 'POST', 'sys/rotate'));
    expect(await vault.run('operator', 'rotate', 'x')).toMatchObject({ code: 1, out: '' });
  });
});

describe('operator members', () => {
  it('lists the servers, with n/a for what nobody knows', async () => {
    const { code, out } = await vault.run('operator', 'members');
    const [header, line, node] = out.split('\n').map((row) => row.split(/ {2,}/));
    expect(code).toBe(0);
    expect(header).toEqual(['Host Name', 'API Address', 'Cluster Address', 'Active Node', 'Version', 'Upgrade Version', 'Last Echo']);
    expect(line?.[1]).toBe('-----------');
    expect(node?.slice(3)).toEqual(['true', '1.20.4+casemate.test', 'n/a', 'n/a']);
  });

  it('is an object of nodes for a program', async () => {
    const { out } = await vault.run('operator', 'members', '-format=json');
    const { Nodes: nodes } = JSON.parse(out) as { Nodes: object[] };
    expect(Object.keys(nodes[0] ?? {})).toEqual(['hostname', 'api_address', 'cluster_address', 'active_node', 'last_echo', 'version']);
  });

  it('is refused without a good token', async () => {
    expect(await nobody.run('operator', 'members')).toEqual(denied('Error listing members', 'GET', 'sys/ha-status'));
    expect(await vault.run('operator', 'members', 'x')).toMatchObject({ code: 1, out: '' });
  });
});

describe('operator step-down', () => {
  it('is accepted, and names the address', async () => {
    const out = `Success! Stepped down: ${server.address}\n`;
    expect(await vault.run('operator', 'step-down')).toEqual({ code: 0, out, err: '' });
  });

  it('is refused without a good token, takes no arguments and has no formats', async () => {
    expect(await nobody.run('operator', 'step-down')).toEqual(denied('Error stepping down', 'PUT', 'sys/step-down'));
    expect(await vault.run('operator', 'step-down', 'x')).toMatchObject({ code: 1, out: '' });
    expect((await vault.run('operator', 'step-down', '-format=json')).err).toBe('flag provided but not defined: -format\n');
  });
});

describe('operator seal', () => {
  it('is refused without a good token, and takes no arguments', async () => {
    expect(await nobody.run('operator', 'seal')).toEqual(denied('Error sealing', 'PUT', 'sys/seal'));
    expect(await vault.run('operator', 'seal', 'x')).toMatchObject({ code: 1, out: '' });
    expect((await vault.run('status')).code).toBe(0);
  });

  it('seals, under the name that users know', async () => {
    expect(await vault.with({ name: 'bao' }).run('operator', 'seal')).toEqual({ code: 0, out: 'Success! OpenBao is sealed.\n', err: '' });
    expect((await vault.run('status')).code).toBe(2);
  });
});

describe('operator unseal', () => {
  it('shows how far the shares have come, starts over, and unseals', async () => {
    await server.call('PUT', 'sys/seal');
    const first = await nobody.run('operator', 'unseal', server.keys[0] as string);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(cells(first.out)).toMatchObject({ Sealed: 'true', 'Unseal Progress': '1/2', 'Unseal Nonce': expect.stringMatching(/^.{36}$/) });
    expect(cells((await nobody.run('operator', 'unseal', '-reset')).out)).toMatchObject({
      'Unseal Progress': '0/2',
      'Unseal Nonce': 'n/a',
    });
    await nobody.run('operator', 'unseal', server.keys[2] as string);
    const { code, out } = await nobody.run('operator', 'unseal', '-format=json', server.keys[1] as string);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ sealed: false, t: 2, n: 3, progress: 0, cluster_name: expect.any(String) });
  });

  it('reads a share from stdin, and asks for it on a terminal without showing it', async () => {
    await server.call('PUT', 'sys/seal');
    const from = (share: string, typing: boolean) => nobody.with({ stdin: `${share}\n`, typing });
    const asked = await from(server.keys[0] as string, true).run('operator', 'unseal');
    expect(asked.err).toBe('Unseal Key (will be hidden): \n');
    expect(cells(asked.out)['Unseal Progress']).toBe('1/2');
    await nobody.run('operator', 'unseal', '-reset');
    const typed = await from(server.keys[0] as string, true).run('operator', 'unseal', '-');
    expect(typed).toMatchObject({ code: 0, err: 'Value of - (will be hidden): \n' });
    await nobody.run('operator', 'unseal', '-reset');
    expect((await from(server.keys[1] as string, false).run('operator', 'unseal', '-')).err).toBe('');
    expect(cells((await from(server.keys[2] as string, false).run('operator', 'unseal')).out)['Sealed']).toBe('false');
  });

  it('ends with 1 when there is no share, or more than one', async () => {
    expect(await nobody.run('operator', 'unseal', '-')).toEqual({ code: 1, out: '', err: 'stdin gave nothing where "-" stands\n' });
    expect(await nobody.run('operator', 'unseal')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ended') });
    expect(await nobody.with({ stdin: '\n' }).run('operator', 'unseal')).toMatchObject({ code: 1, err: 'a share must be given\n' });
    expect(await nobody.run('operator', 'unseal', '-non-interactive')).toMatchObject({ code: 1, out: '' });
    expect(await nobody.run('operator', 'unseal', 'a', 'b')).toMatchObject({ code: 1, out: '' });
  });

  it('prints what the server refuses: a share that is none, and another kind of seal', async () => {
    const refused = await nobody.run('operator', 'unseal', 'no share');
    expect(refused).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/^Error unsealing: Error making API request\.\n\nURL: PUT /),
    });
    expect(refused.err).toContain("* 'key' must be a valid hex or base64 string\n");
    const moved = await nobody.run('operator', 'unseal', '-migrate', server.keys[0] as string);
    expect(moved).toMatchObject({ code: 2, out: '', err: expect.stringContaining('* seal migration is not supported yet') });
  });

  it('is asked of the server itself, not of a namespace', async () => {
    const scripted = await scriptedServer([{ status: 200, body: { sealed: true } }]);
    await vault.with({ address: scripted.address }).run('operator', 'unseal', '-namespace=team', 'ab');
    expect(scripted.asked.map(({ headers }) => headers['x-vault-namespace'])).toEqual([undefined, undefined]);
    await scripted.end();
  });

  it('says in its help who sees a share on the command line', async () => {
    expect((await vault.run('operator', 'unseal', '-h')).out.replace(/\s+/g, ' ')).toContain(
      'can be seen by the other users of the machine',
    );
  });
});
