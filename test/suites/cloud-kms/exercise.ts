// What each cloud's backend must do when its service throttles, fails, refuses or tells another time; and what none may ever say.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Fault } from '../../../src/base/fault.ts';
import { jsonLog } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/crypto/random.ts';
import type { BackendParts } from '../../../src/keys/backend-parts.ts';
import type { KeyBackend } from '../../../src/keys/key-backend.ts';
import type { SecretSource } from '../../../src/keys/secret-source.ts';
import { exerciseKeyBackend, faultOf, sample, soon } from '../key-backend.ts';
import type { CloudServer, Reply } from './cloud-server.ts';

export interface Access {
  readonly accessKey: SecretSource;
  readonly secretKey: SecretSource;
  readonly sessionToken?: SecretSource;
}

export interface CloudSubject {
  readonly name: string;
  /** `AWS KMS`. */
  readonly service: string;
  start(): Promise<CloudServer>;
  /** An id as the cloud gives them. */
  readonly keyId: (number: number) => string;
  open(
    given: { readonly key: string; readonly endpoint: string; readonly allowPlainHttp?: boolean } & Access,
    parts: BackendParts,
  ): KeyBackend;
  readonly throttled: Reply;
  readonly failing: Reply;
  /** In the words of the vendor, as the fault names them. */
  readonly words: { readonly disabled: string; readonly deleting: string; readonly denied: string; readonly missing: string };
  /** Names of a key that the cloud follows to the key. */
  readonly alias?: string;
}

export const text = (value: string): SecretSource => ({ kind: 'text', reveal: () => value });
const ours: Access = { accessKey: text('AK'), secretKey: text('secret key of the test') };

export function partsWith(lines: string[] = []): BackendParts {
  const log = jsonLog({ level: 'trace', write: (line) => void lines.push(line), now: () => 0 });
  return { clock: systemClock, random: systemRandom, log, environment: {} };
}

/** A fault with all that a log could show of it. */
export function shown(fault: Fault): string {
  const lines: string[] = [];
  partsWith(lines).log.error('failed', { fault });
  return `${lines.join('')}${JSON.stringify(fault.fields ?? {})}`;
}

export function exerciseCloud(subject: CloudSubject): void {
  exerciseKeyBackend(subject.name, async () => {
    const server = await subject.start();
    for (const number of [1, 2]) server.keys.create(subject.keyId(number));
    const opened = (number: number) => subject.open({ key: subject.keyId(number), endpoint: server.address, ...ours }, partsWith());
    return {
      backend: opened(1),
      again: async () => opened(1),
      stranger: async () => opened(2),
      rotate: async () => void server.keys.rotate(subject.keyId(1)),
      cut: () => server.cut(),
      mend: () => server.mend(),
      end: () => server.close(),
    };
  });

  describe(`${subject.name}, when its service is difficult,`, () => {
    let server: CloudServer;
    let backend: KeyBackend;
    let folder: string;
    let lines: string[];
    const key = subject.keyId(1);
    const open = (access: Access = ours, asked = key): KeyBackend => {
      backend = subject.open({ key: asked, endpoint: server.address, ...access }, partsWith(lines));
      return backend;
    };
    const file = (name: string, content: string): SecretSource => {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      return { kind: 'file', path };
    };
    beforeEach(async () => {
      lines = [];
      folder = mkdtempSync(join(tmpdir(), 'casemate-cloud-'));
      server = await subject.start();
      server.keys.create(key);
    });
    afterEach(async () => {
      backend.close();
      await server.close();
      rmSync(folder, { recursive: true });
    });

    it.each([
      ['throttles', () => subject.throttled],
      ['fails', () => subject.failing],
      ['answers with the page of a gateway', (): Reply => ({ status: 502, body: '<html>Bad Gateway</html>' })],
    ])('tries again when it %s twice', async (_how, reply) => {
      await open().probe(soon());
      server.replies.push(reply(), reply());
      const sealed = await backend.seal(sample(32), soon());
      expect(await backend.open(sealed, soon())).toStrictEqual(sample(32));
    });

    it('waits as long as it is told to', async () => {
      await open().probe(soon());
      server.replies.push({ ...subject.throttled, headers: { ...subject.throttled.headers, 'retry-after': '1' } });
      const start = performance.now();
      await backend.seal(sample(32), soon());
      expect(performance.now() - start).toBeGreaterThan(990);
    });

    it('gives up after a few attempts, and at once where it is to wait for long', async () => {
      await open().probe(soon());
      const before = server.received.length;
      server.replies.push(subject.throttled, subject.throttled, subject.throttled, subject.throttled);
      expect(await faultOf(backend.seal(sample(32), soon()))).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(`${subject.service} is asked more often than the account's quota allows`),
      });
      expect(server.received.length - before).toBe(4);
      server.replies.push({ ...subject.failing, headers: { 'retry-after': '3600' } });
      const start = performance.now();
      expect((await faultOf(backend.seal(sample(32), soon()))).message).toContain(`${subject.service} fails on its side`);
      expect(server.received.length - before).toBe(5);
      expect(performance.now() - start).toBeLessThan(3000);
    });

    it('tells what keeps it when its caller has no more time', async () => {
      await open().probe(soon());
      server.replies.push({ ...subject.throttled, headers: { 'retry-after': '9' } });
      const start = performance.now();
      const fault = await faultOf(backend.seal(sample(32), AbortSignal.timeout(300)));
      expect(performance.now() - start).toBeLessThan(3000);
      expect(fault.message).toContain('quota');
    });

    it('reads lent keys again when they have expired, and says so when there are no newer ones', async () => {
      server.accounts.set('LENT1', { secretKey: 'first secret', token: 'first token', expired: false });
      server.accounts.set('LENT2', { secretKey: 'second secret', token: 'second token' });
      const access = {
        accessKey: file('ak', 'LENT1\n'),
        secretKey: file('sk', 'first secret\n'),
        sessionToken: file('st', 'first token\n'),
      };
      await open(access).probe(soon());
      server.accounts.get('LENT1')!.expired = true;
      const before = server.received.length;
      const fault = await faultOf(backend.seal(sample(32), soon()));
      expect(fault).toMatchObject({ code: 'permission-denied', message: expect.stringContaining('does not take the access key') });
      expect(server.received.length - before).toBe(1);
      file('ak', 'LENT2');
      file('sk', 'second secret');
      file('st', 'second token');
      expect(await backend.open(await backend.seal(sample(32), soon()), soon())).toStrictEqual(sample(32));
    });

    it('takes keys that are replaced while a call is under way', async () => {
      const access = { accessKey: file('ak', 'GONE'), secretKey: file('sk', 'old secret') };
      open(access);
      const { received } = server;
      const push = received.push.bind(received);
      // The refused request has come: the next look at the files finds the new ones.
      received.push = (...items) => {
        if (received.length === 0) {
          file('ak', 'AK');
          file('sk', 'secret key of the test');
        }
        return push(...items);
      };
      await backend.probe(soon());
      expect(backend.current().healthy).toBe(true);
    });

    it.each([
      [20, 'behind'],
      [-20, 'ahead of'],
    ])('tells that a clock is wrong: %i minutes', async (minutes, words) => {
      server.ahead = minutes * 60_000;
      expect(await faultOf(open().probe(soon()))).toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(
          `the clock of this machine is 20 minutes ${words} that of ${subject.service}; set the clock right`,
        ),
      });
      expect(backend.current()).toStrictEqual({ keyId: '', healthy: false });
    });

    it.each(['disabled', 'deleting'] as const)('names a key that is %s, and what to do', async (state) => {
      await open().probe(soon());
      const sealed = await backend.seal(sample(32), soon());
      const { keyId } = sealed;
      server.keys.find(key)!.state = state;
      for (const call of [() => backend.seal(sample(32), soon()), () => backend.open(sealed, soon()), () => backend.probe(soon())]) {
        const fault = await faultOf(call());
        expect(fault.code).toBe('unavailable');
        expect(fault.message).toContain(`cannot use key ${key}, which is disabled or about to be deleted: enable it`);
        expect(fault.message).toContain(subject.words[state]);
      }
      expect(backend.current()).toStrictEqual({ keyId, healthy: false });
      server.keys.find(key)!.state = 'enabled';
      expect(await backend.open(sealed, soon())).toStrictEqual(sample(32));
    });

    it('names what the access key must be allowed, and a key that is not there', async () => {
      server.accounts.set('BARRED', { secretKey: 'other secret', barred: true });
      const barred = await faultOf(open({ accessKey: text('BARRED'), secretKey: text('other secret') }).probe(soon()));
      expect(barred.code).toBe('permission-denied');
      expect(barred.message).toContain(`does not let the access key use key ${key}: it needs`);
      expect(barred.message).toContain(subject.words.denied);
      backend.close();
      const missing = await faultOf(open(ours, subject.keyId(7)).probe(soon()));
      expect(missing.code).toBe('unavailable');
      expect(missing.message).toContain(`has no key ${subject.keyId(7)}`);
      expect(missing.message).toContain(subject.words.missing);
    });

    it('never says a secret or a plaintext, whatever goes wrong', async () => {
      server.accounts.set('TOKEN', { secretKey: 'hidden-secret', token: 'hidden-token' });
      const marked = Buffer.from('hidden-plaintext of thirty-two b');
      const secrets = ['hidden-', marked.toString('base64').slice(0, 20), marked.toString('hex').slice(0, 20)];
      open({ accessKey: text('TOKEN'), secretKey: text('hidden-secret'), sessionToken: text('hidden-token') });
      await backend.probe(soon());
      const sealed = await backend.seal(marked, soon());
      const echo: Reply = {
        status: 400,
        body: { __type: 'X', Code: 'X', error: { code: 400, status: 'X', message: marked.toString() }, message: marked.toString() },
      };
      const faults: Fault[] = [];
      for (const reply of [echo, subject.failing, 'silence' as const]) {
        server.replies.push(...Array.from({ length: 4 }, () => reply));
        faults.push(await faultOf(backend.seal(marked, AbortSignal.timeout(reply === 'silence' ? 100 : 9000))));
        server.replies.length = 0;
      }
      server.accounts.set('TOKEN', { secretKey: 'another', token: 'hidden-token' });
      faults.push(await faultOf(backend.open(sealed, soon())));
      await server.cut();
      faults.push(await faultOf(backend.seal(marked, soon())));
      await server.mend();
      const said = faults.map(shown).join('') + lines.join('') + JSON.stringify(backend);
      expect(said).toContain(subject.service);
      for (const secret of secrets) expect(said).not.toContain(secret);
    });

    it('refuses plain http but on this machine, or where it is allowed', () => {
      const given = { key, ...ours, endpoint: 'http://kms.internal.example' };
      expect(() => subject.open(given, partsWith())).toThrow(/keys would travel in clear/);
      backend = subject.open({ ...given, allowPlainHttp: true }, partsWith());
    });

    it('calls fail once it is closed', async () => {
      await open().probe(soon());
      backend.close();
      expect((await faultOf(backend.seal(sample(32), soon()))).code).toBe('unavailable');
      expect(backend.current().healthy).toBe(false);
    });

    const { alias } = subject;
    if (alias !== undefined)
      it('stays with the key that an alias led to, and says that it leads elsewhere', async () => {
        server.keys.aliases.set(alias, key);
        server.keys.create(subject.keyId(2));
        await open(ours, alias).probe(soon());
        const { keyId } = backend.current();
        expect(keyId).toContain(key);
        const sealed = await backend.seal(sample(32), soon());
        server.keys.aliases.set(alias, subject.keyId(2));
        await backend.probe(soon());
        await backend.probe(soon());
        expect(backend.current()).toStrictEqual({ keyId, healthy: true });
        expect(await backend.open(sealed, soon())).toStrictEqual(sample(32));
        const warnings = lines.filter((line) => line.includes('"level":"warn"'));
        expect(warnings).toHaveLength(1);
        expect(warnings[0]).toContain(subject.keyId(2));
        const started = subject.open({ key: alias, endpoint: server.address, ...ours }, partsWith());
        const fault = await faultOf(started.open(sealed, soon()));
        started.close();
        expect(fault).toMatchObject({
          code: 'invalid-request',
          message: expect.stringContaining('put the key itself in the configuration'),
        });
      });

    it('opens what the first version of the KMS wire hands over, which tells no key', async () => {
      await open().probe(soon());
      const { ciphertext } = await backend.seal(sample(32), soon());
      const bare = (bytes: Uint8Array) => backend.open({ keyId: '', ciphertext: bytes, annotations: {} }, soon());
      expect(await bare(ciphertext)).toStrictEqual(sample(32));
      server.keys.create(subject.keyId(2));
      const stranger = subject.open({ key: subject.keyId(2), endpoint: server.address, ...ours }, partsWith());
      const foreign = await stranger.seal(sample(32), soon());
      stranger.close();
      expect((await faultOf(bare(foreign.ciphertext))).code).toBe('invalid-request');
      expect((await faultOf(bare(new Uint8Array()))).code).toBe('corrupted');
    });
  });
}
