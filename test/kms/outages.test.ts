// The key away, slow, refusing or wrong, the audit file full, the socket stolen: what kube-apiserver is told, and what goes on.

import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { silentLog } from '../../src/base/log.ts';
import { type AuditTrail, openAuditTrail } from '../../src/etcd/plugin/audit-trail.ts';
import { makeProof } from '../../src/etcd/plugin/proof.ts';
import { ownSocket } from '../../src/etcd/plugin/socket.ts';
import { type Desk, type DeskOptions, deskFolder, openDesk } from './plugin-desk.ts';
import { scriptedKey } from './scripted-key.ts';

const secret = Buffer.from('thirty-two bytes of a seed, sir!');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function opened(options?: DeskOptions): Promise<Desk> {
  const desk = await openDesk(options);
  cleanups.push(() => desk.end());
  return desk;
}

function folder(): string {
  const made = deskFolder();
  cleanups.push(() => rmSync(made, { recursive: true }));
  return made;
}

const healthOf = async (desk: Desk): Promise<string> => (await desk.v2.call('Status', {})).healthz;

describe('a key that does not answer', () => {
  it('Status tells it in a sentence and from memory, and tells when it answers again', async () => {
    const key = scriptedKey();
    const desk = await opened({ key, probeEvery: 100 });
    key.script.fault = new Fault('unavailable', 'the KMS cannot be reached');
    await vi.waitFor(
      async () => expect(await healthOf(desk)).toMatch(/^the key has not answered for \d+ s: the KMS cannot be reached$/),
      10_000,
    );
    const asked = key.counts.probe;
    for (let call = 0; call < 20; call++) await healthOf(desk);
    expect(key.counts.probe - asked).toBeLessThan(5);
    expect(key.counts.seal).toBe(0);
    expect(desk.plugin.health()).toMatchObject([{ name: 'secrets', healthz: expect.stringContaining('cannot be reached') as string }]);
    key.script.fault = undefined;
    await vi.waitFor(async () => expect(await healthOf(desk)).toBe('ok'), 3_000);
  });

  it('an outage shorter than unhealthy_after is not told, a refusal is told at once', async () => {
    const key = scriptedKey();
    const desk = await opened({ key, probeEvery: 100, unhealthyAfter: 60_000 });
    await vi.waitFor(() => expect(key.counts.probe).toBeGreaterThan(0), 10_000);
    key.script.fault = new Fault('rate-limited', 'too many requests');
    await vi.waitFor(() => expect(desk.log()).toContain('too many requests'), 10_000);
    expect(await healthOf(desk)).toBe('ok');
    key.script.fault = new Fault('permission-denied', 'the key is disabled');
    await vi.waitFor(async () => expect(await healthOf(desk)).toContain('the key is disabled'), 3_000);
  });

  it('hung, it holds up neither Status nor a call beyond its deadline, and not more calls than are allowed', async () => {
    const key = scriptedKey();
    const desk = await opened({ key });
    await vi.waitFor(() => expect(key.counts.probe).toBe(1), 10_000);
    key.script.hangs = true;
    await expect(desk.v2.call('Encrypt', { plaintext: secret }, 200)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await vi.waitFor(() => expect(desk.metrics()).toContain('api="v2",operation="encrypt",outcome="timeout"} 1\n'), 10_000);
    const waiting = Array.from({ length: 600 }, (_, index) =>
      (index % 2 === 0 ? desk.v2.call('Encrypt', { plaintext: secret }, 5_000) : desk.v1.call('Encrypt', { plain: secret }, 5_000)).then(
        () => 0,
        (error: { code: number }) => error.code,
      ),
    );
    const begun = performance.now();
    await vi.waitFor(async () => expect(desk.metrics()).toMatch(/outcome="rate-limited"\} \d+/), 10_000);
    expect((await desk.v2.call('Status', {})).healthz).toBe('ok');
    expect(performance.now() - begun).toBeLessThan(4_900);
    const codes = await Promise.all(waiting);
    expect(codes.filter((code) => code === status.RESOURCE_EXHAUSTED).length).toBeGreaterThan(0);
    key.script.hangs = false;
    await vi.waitFor(async () => expect((await desk.v2.call('Encrypt', { plaintext: secret })).key_id).toBe('right:v1'), 10_000);
  });

  it('unknown at the start, the plugin listens all the same and says what it waits for', async () => {
    const key = scriptedKey();
    key.script.fault = new Fault('unavailable', 'no route to the KMS');
    key.script.keyId = '';
    const desk = await opened({ key, probeEvery: 100 });
    await vi.waitFor(async () => expect(await healthOf(desk)).toBe('the key has not answered yet: no route to the KMS'), 10_000);
    Object.assign(key.script, { fault: undefined, keyId: undefined });
    await vi.waitFor(async () => expect(await desk.v2.call('Status', {})).toMatchObject({ healthz: 'ok', key_id: 'right:v1' }), 3_000);
  });
});

describe('several keys in a provider', () => {
  it('the first seals, the others open what they have sealed before', async () => {
    const [before, after] = [scriptedKey('before'), scriptedKey('after')];
    const first = await opened({ key: before });
    const sealed = await first.v2.call('Encrypt', { plaintext: secret });
    const desk = await opened({ key: after, others: [before] });
    expect((await desk.v2.call('Encrypt', { plaintext: secret })).key_id).toBe('after:v1');
    expect((await desk.v2.call('Decrypt', sealed)).plaintext).toEqual(secret);
    before.script.fault = new Fault('unavailable', 'the old KMS is away');
    await expect(desk.v2.call('Decrypt', sealed)).rejects.toThrow('the old KMS is away');
  });
});

describe('a node with another key', () => {
  it('does not start when the proof in its configuration was made with the right one, and starts after a rotation of that', async () => {
    const right = scriptedKey();
    const proof = await makeProof(right, AbortSignal.timeout(1_000));
    await expect(openDesk({ key: scriptedKey('wrong'), proof })).rejects.toThrow(
      'provider secrets: this node has another key than the proof in its configuration was made with (its own is wrong:v1)',
    );
    right.rotate();
    const desk = await opened({ key: right, proof });
    expect((await desk.v2.call('Encrypt', { plaintext: secret })).key_id).toBe('right:v2');
  });

  it('that is found only later, since the key was away at the start, never seals', async () => {
    const proof = await makeProof(scriptedKey(), AbortSignal.timeout(1_000));
    const key = scriptedKey('wrong');
    key.script.fault = new Fault('unavailable', 'away');
    const desk = await opened({ key, proof, probeEvery: 100 });
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toThrow('it is not proven yet that this is the right key');
    key.script.fault = undefined;
    await vi.waitFor(async () => expect(await healthOf(desk)).toContain('this node has another key than the proof'), 3_000);
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toThrow('this node has another key');
    expect(key.counts.seal).toBe(0);
  });
});

describe('an audit file that cannot be written', () => {
  const full = (): Promise<AuditTrail> => openAuditTrail({ path: '/dev/full', deadline: 1_000 });

  it('lets nothing be unwrapped, and everything be sealed', async () => {
    const desk = await opened({ audit: await full() });
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    await expect(desk.v2.call('Decrypt', sealed)).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: 'the audit line could not be written, and without it nothing is unwrapped (ENOSPC)',
    });
  });

  it('where it is not required, is told of in the log', async () => {
    const desk = await opened({ audit: await full(), auditRequired: false });
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    expect((await desk.v2.call('Decrypt', sealed)).plaintext).toEqual(secret);
    expect(desk.log()).toContain('an unwrap stands in no audit file');
  });
});

describe('the socket', () => {
  it('lies in a folder of 0700 with a mode of 0600, and is gone with the plugin', async () => {
    const desk = await openDesk();
    expect(statSync(dirname(desk.socket)).mode & 0o777).toBe(0o700);
    expect(statSync(desk.socket).mode & 0o777).toBe(0o600);
    await desk.plugin.end(100);
    expect(existsSync(desk.socket)).toBe(false);
    await desk.end();
  });

  it('removed or replaced, is there again within seconds, and connections go on', async () => {
    const desk = await opened();
    const { key_id } = await desk.v2.call('Status', {});
    rmSync(desk.socket);
    await vi.waitFor(() => expect(existsSync(desk.socket)).toBe(true), 5_000);
    expect((await desk.caller().call('Status', {})).key_id).toBe(key_id);
    expect((await desk.v2.call('Status', {})).key_id).toBe(key_id);
    expect(desk.log()).toContain('the socket was taken away from its path');
  });

  it('in a folder that others may enter and that holds other files is refused in a sentence', async () => {
    const run = folder();
    chmodSync(run, 0o755);
    writeFileSync(join(run, 'something'), '');
    await expect(ownSocket(join(run, 'kms.sock'), silentLog)).rejects.toThrow(
      `the folder ${run} of the socket is open to others (mode 0755) and not for this socket alone; name a folder of its own, or chmod it to 0700`,
    );
  });

  it('in a folder of its own that the kubelet made with 0755 closes that folder', async () => {
    const run = join(folder(), 'run');
    mkdirSync(run);
    chmodSync(run, 0o755);
    (await ownSocket(join(run, 'kms.sock'), silentLog)).release();
    expect(statSync(run).mode & 0o777).toBe(0o700);
  });

  it('has one owner at a time, whether or not it listens', async () => {
    const path = join(folder(), 'kms.sock');
    const first = await ownSocket(path, silentLog);
    await expect(ownSocket(path, silentLog)).rejects.toThrow('another process owns this socket');
    first.release();
    (await ownSocket(path, silentLog)).release();
  });

  it('of another program that listens is left alone, and so is a file', async () => {
    const run = folder();
    const path = join(run, 'kms.sock');
    const other: Server = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    cleanups.push(() => new Promise((resolve) => other.close(resolve)));
    await expect(ownSocket(path, silentLog)).rejects.toThrow('is in use by another process');
    const file = join(run, 'file');
    writeFileSync(file, 'precious');
    await expect(ownSocket(file, silentLog)).rejects.toThrow('is no socket');
  });

  it.each([
    ['@kms', 'abstract sockets are open to every user'],
    ['run/kms.sock', 'must be an absolute path'],
    [`/tmp/${'x'.repeat(110)}`, 'longer than the 107 bytes'],
  ])('%s is refused', async (path, sentence) => {
    await expect(ownSocket(path, silentLog)).rejects.toThrow(sentence);
  });
});
