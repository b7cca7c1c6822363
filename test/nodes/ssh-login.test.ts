// Logging in over a real sshd: hosts that are known, changed, revoked or strangers; keys, agents, jump hosts, sudo.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { fingerprint } from '../../src/etcd/nodes/known-hosts.ts';
import type { ControlPlaneNode } from '../../src/etcd/nodes/node.ts';
import type { SshAccess } from '../../src/etcd/nodes/node-access.ts';
import { openSshNode, type SshEnvironment } from '../../src/etcd/nodes/ssh-node.ts';
import { helloServer } from '../suites/node-access.ts';
import { makeKey, type Sshd, startAgent, startSshd, whyNoSshd } from './sshd.ts';

const missing = whyNoSshd();
const soon = () => AbortSignal.timeout(20_000);

describe.skipIf(missing !== undefined)(missing ?? 'a login over SSH', () => {
  let sshd: Sshd;
  const opened: ControlPlaneNode[] = [];
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(async () => {
    for (const node of opened) await node.close();
    await sshd?.stop();
  });
  const open = async (changes: Partial<SshAccess>, environment: Partial<SshEnvironment> = {}): Promise<ControlPlaneNode> => {
    const node = await openSshNode(
      { access: sshd.access(changes), environment: { ...sshd.environment, ...environment }, random: systemRandom },
      soon(),
    );
    opened.push(node);
    return node;
  };
  const refused = async (changes: Partial<SshAccess>, environment?: Partial<SshEnvironment>): Promise<Fault> => {
    const thrown = await open(changes, environment).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toBeInstanceOf(Fault);
    return thrown as Fault;
  };
  const knownHosts = (name: string, content: string): readonly string[] => {
    const path = join(sshd.folder, name);
    writeFileSync(path, content);
    return [path];
  };
  const own = () => `[127.0.0.1]:${sshd.port}`;
  const hostKey = (index = 0) => sshd.hostKeys[index]?.publicLine ?? '';
  const logins = () => sshd.log().split('Accepted publickey').length - 1;

  it('names the node as it names itself, and who is logged in', async () => {
    const node = await open({});
    expect(node.name).toBe(sshd.shell('uname -n').trim());
    expect(node.way).toBe(`root@127.0.0.1:${sshd.port} over SSH`);
  });

  it('is refused where the host is not known, and told its fingerprint and how to add it', async () => {
    const before = logins();
    const fault = await refused({ knownHosts: knownHosts('empty', '# nobody\n') });
    expect(fault.code).toBe('permission-denied');
    expect(fault.message).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1 >> ${join(sshd.folder, 'empty')}`);
    const shown = sshd.hostKeys.map(({ publicLine }) => fingerprint(Buffer.from(publicLine.split(' ')[1] ?? '', 'base64')));
    expect(shown.some((one) => fault.message.includes(one))).toBe(true);
    expect((await refused({ knownHosts: [join(sshd.folder, 'not-there')] })).code).toBe('permission-denied');
    expect(logins()).toBe(before);
  });

  it('is refused loudly where the host shows another key than the known one, before anything is sent', async () => {
    const before = logins();
    const other = makeKey(sshd.folder, 'other-host');
    const fault = await refused({ knownHosts: knownHosts('changed', `${own()} ${other.publicLine}\n`) });
    expect(fault.code).toBe('permission-denied');
    expect(fault.message).toContain('HAS CHANGED');
    expect(fault.message).toContain('changed:1');
    expect(logins()).toBe(before);
  });

  it('is refused where the key of the host was revoked, also when it stands among the known ones', async () => {
    const lines = `${own()} ${hostKey()}\n@revoked * ${hostKey()}\n`;
    expect((await refused({ knownHosts: knownHosts('revoked', lines) })).message).toContain('revoked');
  });

  it('is refused where only an authority is known, with what to do instead', async () => {
    const fault = await refused({ knownHosts: knownHosts('authority', `@cert-authority * ${hostKey()}\n`) });
    expect(fault.message).toContain('authority');
    expect(fault.message).toContain('ssh-keyscan');
  });

  it('asks the host for the kind of key by which it is known, whichever it would rather show', async () => {
    await open({ knownHosts: knownHosts('ed25519', `${own()} ${hostKey(0)}\n`) });
    await open({ knownHosts: knownHosts('ecdsa', `${own()} ${hostKey(1)}\n`) });
  });

  it('knows hosts by hashed names, as ssh-keygen makes them, and looks into several files', async () => {
    const [path = ''] = knownHosts('hashed', `${own()} ${hostKey()}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', path], { stdio: 'ignore' });
    await open({ knownHosts: [...knownHosts('strangers', `strange.example ${hostKey()}\n`), path] });
  });

  it('takes the usual files of the user when none is named', async () => {
    sshd.shell(`mkdir ${sshd.folder}/.ssh && cp ${sshd.knownHosts} ${sshd.folder}/.ssh/known_hosts`);
    await open({ knownHosts: [] });
  });

  it('takes what ssh-keyscan prints', async () => {
    const scanned = execFileSync('ssh-keyscan', ['-p', String(sshd.port), '127.0.0.1'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await open({ knownHosts: knownHosts('scanned', scanned) });
  });

  it('opens a locked key with its passphrase, and says what is missing without it', async () => {
    const locked = makeKey(sshd.folder, 'locked', 'correct horse');
    writeFileSync(join(sshd.folder, 'authorized_keys'), `${sshd.key.publicLine}\n${locked.publicLine}\n`);
    await open({ keyFile: locked.file }, { passphrase: 'correct horse' });
    const without = await refused({ keyFile: locked.file });
    expect(without).toMatchObject({ code: 'usage', message: expect.stringContaining('passphrase') });
    const wrong = await refused({ keyFile: locked.file }, { passphrase: 'wrong horse' });
    expect(wrong).toMatchObject({ code: 'usage', message: expect.stringContaining('passphrase') });
    expect(wrong.message).not.toContain('wrong horse');
  });

  it('refuses a key file that others may read', async () => {
    const open = makeKey(sshd.folder, 'open');
    sshd.shell(`chmod 0644 ${open.file}`);
    expect(await refused({ keyFile: open.file })).toMatchObject({ code: 'usage', message: expect.stringContaining('0600') });
  });

  it('says which key was refused for which user', async () => {
    const stranger = makeKey(sshd.folder, 'stranger');
    const fault = await refused({ keyFile: stranger.file });
    expect(fault.code).toBe('permission-denied');
    expect(fault.message).toContain(stranger.file);
    expect(fault.message).toContain('authorized_keys of root');
  });

  it('wants to be told a key file or an agent', async () => {
    const { keyFile: _, ...rest } = sshd.access();
    const opening = openSshNode({ access: rest, environment: sshd.environment, random: systemRandom }, soon());
    await expect(opening).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('--ssh-agent-auth') });
    expect(await refused({ agent: true })).toMatchObject({ code: 'usage', message: expect.stringContaining('SSH_AUTH_SOCK') });
  });

  it('proves itself by an agent, which the node never gets to see', async () => {
    const agent = await startAgent(sshd.folder, sshd.key);
    try {
      const { keyFile: _, ...rest } = sshd.access({ agent: true });
      const environment = { ...sshd.environment, agentSocket: agent.socket };
      const node = await openSshNode({ access: rest, environment, random: systemRandom }, soon());
      opened.push(node);
      await node.freeBytes('/', soon());
      expect(sshd.log()).not.toContain('auth-agent-req@openssh.com');
      const stranger = makeKey(sshd.folder, 'second-choice');
      await open({ agent: true, keyFile: stranger.file }, { agentSocket: agent.socket });
    } finally {
      await agent.stop();
    }
  });

  it('tells an agent that does not answer from a key that is refused by nobody', async () => {
    await open({ agent: true }, { agentSocket: join(sshd.folder, 'no-agent') });
  });

  it('says that sudo wants a password, and works where it does not', async () => {
    const fault = await refused({ user: 'guest', sudo: true });
    expect(fault).toMatchObject({ code: 'permission-denied', message: expect.stringContaining('NOPASSWD') });
    await open({ user: 'operator', sudo: true });
  });

  it('tells a user who may not write to use --sudo, and writes with it', async () => {
    const path = `${sshd.folder}/kept/by-root`;
    sshd.shell(`mkdir -m 0755 ${sshd.folder}/kept && echo old > ${path} && chmod 0600 ${path}`);
    const plain = await open({ user: 'operator' });
    const denied = { code: 'permission-denied', message: expect.stringContaining('--sudo') };
    await expect(plain.write(path, Buffer.from('new'), { mode: 0o600 }, soon())).rejects.toMatchObject(denied);
    await expect(plain.read(path, soon())).rejects.toMatchObject(denied);
    const raised = await open({ user: 'operator', sudo: true });
    await raised.write(path, Buffer.from('new'), { mode: 0o600 }, soon());
    expect(sshd.shell(`stat -c '%U %a' ${path}; cat ${path}`)).toBe('root 600\nnew');
  });

  it('says so where nobody listens, and where another server than sshd does', async () => {
    const server = await helloServer();
    expect((await refused({ port: server.port })).code).toMatch(/unavailable|timeout/);
    await server.close();
    expect(await refused({ port: server.port })).toMatchObject({ code: 'unavailable', message: expect.stringContaining('no connection') });
  });

  it('stops logging in when the caller does', async () => {
    const opening = openSshNode({ access: sshd.access(), environment: sshd.environment, random: systemRandom }, AbortSignal.timeout(1));
    await expect(opening).rejects.toMatchObject({ code: 'timeout', fields: { stopped: true } });
  });

  describe('over a jump host', () => {
    let jump: Sshd;
    beforeAll(async () => {
      jump = await startSshd();
    });
    afterAll(() => jump?.stop());
    const both = () => [sshd.knownHosts, jump.knownHosts];
    const over = () => ({ host: '127.0.0.1', port: jump.port, user: 'guest', keyFile: jump.key.file });

    it('reaches the node, its files and its loopback', async () => {
      const node = await open({ jump: over(), knownHosts: both() });
      await node.write(`${sshd.folder}/over-jump`, Buffer.from('jumped'), { mode: 0o600 }, soon());
      expect(sshd.shell(`cat ${sshd.folder}/over-jump`)).toBe('jumped');
      const server = await helloServer();
      expect(await text(await node.connect('127.0.0.1', server.port, soon()))).toBe('hello');
      await server.close();
      expect(jump.log()).toContain('Accepted publickey for guest');
    });

    it('checks the keys of both hosts', async () => {
      expect((await refused({ jump: over(), knownHosts: [sshd.knownHosts] })).message).toContain(`[127.0.0.1]:${jump.port} is not known`);
      expect((await refused({ jump: over(), knownHosts: [jump.knownHosts] })).message).toContain(`${own()} is not known`);
    });

    it('says so when the jump host reaches nobody', async () => {
      const server = await helloServer();
      await server.close();
      expect(await refused({ jump: over(), port: server.port, knownHosts: both() })).toMatchObject({ code: 'unavailable' });
    });
  });
});
