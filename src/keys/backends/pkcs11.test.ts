// A key in a PKCS#11 token as a backend, against SoftHSM: the key's name, keys of one label, wrong PINs, and modules that crash, hang or are none.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lives, makeToken, moduleProcesses, printable, type SofthsmToken, withoutSofthsm } from '../../../test/keys/softhsm-token.ts';
import { exerciseKeyBackend, faultOf, sample, soon } from '../../../test/suites/key-backend.ts';
import type { Pkcs11Description } from '../description.ts';
import type { KeyBackend } from '../key-backend.ts';
import type { Pace } from '../pkcs11/connection.ts';

const missing = withoutSofthsm();
if (missing !== undefined) it('a key in a PKCS#11 token', ({ skip }) => skip(missing));

if (missing === undefined)
  exerciseKeyBackend('a key in a PKCS#11 token', async () => {
    const token = makeToken();
    token.importKey('etcd', '01');
    token.importKey('other', '02');
    const backend = token.open();
    return {
      backend,
      again: async () => token.open(),
      stranger: async () => token.open({ keyLabel: 'other' }),
      async cut() {
        token.hide();
        for (const pid of moduleProcesses()) process.kill(pid, 'SIGKILL');
      },
      async mend() {
        token.show();
      },
      async end() {
        token.end();
      },
    };
  });

describe.skipIf(missing !== undefined)('a key in a PKCS#11 token', () => {
  let token: SofthsmToken;
  const opened: KeyBackend[] = [];
  const open = (more?: Partial<Pkcs11Description>, pace?: Partial<Pace>): KeyBackend => {
    const backend = token.open(more, pace);
    opened.push(backend);
    return backend;
  };
  beforeEach(() => {
    token = makeToken();
    token.importKey('etcd', '01');
  });
  afterEach(async () => {
    for (const backend of opened.splice(0)) backend.close();
    await expect.poll(() => moduleProcesses(), { timeout: 5_000 }).toEqual([]);
    token.end();
  });

  const keyNamed = async (more?: Partial<Pkcs11Description>): Promise<string> => {
    const backend = open(more);
    await backend.probe(soon());
    return backend.current().keyId;
  };

  describe('is named', () => {
    it('with its label and what follows from the key: alike in every token that holds it, and like no other', async () => {
      const bytes = printable(sample(32, 7));
      token.importKey('shared', '0a', bytes);
      token.addToken('second');
      token.importKey('shared', '0b', bytes, 'second');
      token.importKey('shared', '0c', printable(sample(32, 8)), 'second');
      const here = await keyNamed({ keyLabel: 'shared' });
      expect(here).toMatch(/^pkcs11:shared:[0-9a-f]{32}$/);
      expect(await keyNamed({ keyLabel: 'shared', tokenLabel: 'second', keyId: '0b' })).toBe(here);
      expect(await keyNamed({ keyLabel: 'shared', tokenLabel: 'second', keyId: '0c' })).not.toBe(here);
    });

    it('for ever: the name of a known key stays as it was', async () => {
      token.importKey('name with blanks', '0a', Buffer.alloc(32, 'A'));
      expect(await keyNamed({ keyLabel: 'name with blanks' })).toBe('pkcs11:name%20with%20blanks:b530e3e8891528415645aac4d6060b44');
    });

    it('by its id alone where no label is given', async () => {
      expect(await keyNamed({ keyLabel: undefined, keyId: '01' })).toBe(await keyNamed());
    });
  });

  describe('beside others of its label', () => {
    it('must be told which of them seals', async () => {
      token.importKey('etcd', '02');
      const fault = await faultOf(open().probe(soon()));
      expect(fault).toMatchObject({ code: 'usage' });
      expect(fault.message).toMatch(
        /^the token has 2 AES keys labelled "etcd" \(ids 0x0[12], 0x0[12]\): name the one that seals with key_id$/,
      );
    });

    it('is replaced by naming another: old and new data open on both sides of the change', async () => {
      const before = open({ keyId: '01' });
      const old = await before.seal(sample(32), soon());
      token.importKey('etcd', '02');
      const after = open({ keyId: '02' });
      const fresh = await after.seal(sample(32, 1), soon());
      expect(fresh.keyId).not.toBe(old.keyId);
      for (const backend of [before, after]) {
        expect(Buffer.from(await backend.open(old, soon()))).toEqual(sample(32));
        expect(Buffer.from(await backend.open(fresh, soon()))).toEqual(sample(32, 1));
      }
    });

    it('still opens when it may no longer encrypt', async () => {
      const bytes = printable(sample(32, 3));
      token.importKey('retired', '01', bytes);
      const sealed = await open({ keyLabel: 'retired' }).seal(sample(32), soon());
      const second = makeToken();
      try {
        second.makeKey('retired', '01', bytes, { encrypt: false, decrypt: true });
        second.importKey('retired', '02');
        const backend = second.open({ keyLabel: 'retired', keyId: '02' });
        expect(Buffer.from(await backend.open(sealed, soon()))).toEqual(sample(32));
        backend.close();
      } finally {
        second.end();
      }
    });

    it('is noticed at the next probe when it takes the place of one that is gone', async () => {
      const backend = open();
      await backend.probe(soon());
      const before = backend.current().keyId;
      const replaced = makeToken();
      replaced.importKey('etcd', '01');
      token.hide();
      writeFileSync(token.environment['SOFTHSM2_CONF'] as string, `directories.tokendir = ${join(replaced.folder, 'tokens')}\n`);
      for (const pid of moduleProcesses()) process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => backend.probe(soon()), 5_000);
      expect(backend.current()).toMatchObject({ healthy: true });
      expect(backend.current().keyId).not.toBe(before);
      replaced.end();
    });
  });

  describe('is refused in a sentence', () => {
    it.each<readonly [string, Partial<Pkcs11Description>, string, RegExp]>([
      [
        'without such a token',
        { tokenLabel: 'gone' },
        'unavailable',
        /^the PKCS#11 module has no token labelled "gone": it has "casemate" in slot \d+$/,
      ],
      ['without such a slot', { slot: 4711 }, 'unavailable', /no token in slot 4711 labelled "casemate": it has "casemate"/],
      [
        'without such a key',
        { keyLabel: 'gone' },
        'not-found',
        /^the token "casemate" has no AES key labelled "gone" that this user may see: make it/,
      ],
      ['without such an id', { keyId: 'ff' }, 'not-found', /no AES key labelled "etcd" with the id 0xff/],
      [
        'without a PIN',
        { pin: { kind: 'environment', name: 'NO_PIN' } },
        'usage',
        /^the PIN of the PKCS#11 token should stand in the environment variable NO_PIN/,
      ],
    ])('%s', async (_what, more, code, sentence) => {
      const fault = await faultOf(open(more).probe(soon()));
      expect(fault.message).toMatch(sentence);
      expect(fault.code).toBe(code);
    });

    it.each(['encrypt', 'decrypt'] as const)('when it may not %s', async (what) => {
      token.makeKey('half', '05', sample(32), { encrypt: what !== 'encrypt', decrypt: what !== 'decrypt' });
      const fault = await faultOf(open({ keyLabel: 'half' }).probe(soon()));
      expect(fault.code).toBe('permission-denied');
      expect(fault.message).toContain(`may not ${what} (CKA_${what.toUpperCase()} is false)`);
    });

    it('when two tokens have the label', async () => {
      token.addToken('casemate');
      const fault = await faultOf(open().probe(soon()));
      expect(fault).toMatchObject({ code: 'usage' });
      expect(fault.message).toContain('has 2 tokens labelled "casemate": name the slot of one of them as well');
    });

    it('when the module is not there, or is no module', async () => {
      expect(() => open({ lib: '/nonexistent/hsm.so' })).toThrow(/^the PKCS#11 module \/nonexistent\/hsm.so is not there/);
      const text = join(token.folder, 'text.so');
      writeFileSync(text, 'no library');
      for (const lib of [text, '/proc/self/exe']) {
        const fault = await faultOf(open({ lib }).probe(soon()));
        expect(fault.code).toBe('usage');
        expect(fault.message).toMatch(/is no PKCS#11 module that can be loaded here \(.+\): name the vendor's library with lib$/);
      }
    });
  });

  describe('behind a wrong PIN', () => {
    const wrong = { kind: 'text', reveal: () => 'marked-wrong' } as const;

    it('is asked once, however often it is needed, and by however many', async () => {
      const backends = [open({ pin: wrong }), open({ pin: wrong })];
      const faults = await Promise.all(backends.map((backend) => faultOf(backend.probe(soon()))));
      expect(token.sawWrongPin()).toBe(true);
      token.logIn();
      expect(token.sawWrongPin()).toBe(false);
      for (let round = 0; round < 4; round += 1)
        for (const backend of backends) {
          faults.push(await faultOf(backend.probe(soon())), await faultOf(backend.seal(sample(32), soon())));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      expect(token.sawWrongPin()).toBe(false);
      for (const fault of faults) {
        expect(fault.code).toBe('permission-denied');
        expect(fault.message).toContain('refuses the PIN (CKR_PIN_INCORRECT); the same PIN is not tried again before the next start');
      }
      expect(`${faults.map(({ stack, cause }) => `${stack}${cause}`)}${token.logged()}`).not.toContain('marked');
    });

    it('is asked again when the PIN has changed in its file', async () => {
      const path = join(token.folder, 'pin');
      writeFileSync(path, 'marked-wrong-in-file', { mode: 0o600 });
      const backend = open({ pin: { kind: 'file', path } });
      expect((await faultOf(backend.probe(soon()))).code).toBe('permission-denied');
      writeFileSync(path, `${token.pin}\n`);
      await backend.probe(soon());
      expect(backend.current().healthy).toBe(true);
    });
  });

  describe('whose process', () => {
    const only = (): number => {
      const [pid, another] = moduleProcesses();
      expect(another).toBeUndefined();
      return pid as number;
    };

    it('crashes, fails the calls under way and serves the next one', async () => {
      const backend = open();
      await backend.probe(soon());
      const { keyId } = backend.current();
      const pid = only();
      process.kill(pid, 'SIGSTOP');
      const under = [backend.seal(sample(32), soon()), backend.seal(sample(32, 1), soon())].map((call) => faultOf(call));
      await new Promise((resolve) => setTimeout(resolve, 100));
      process.kill(pid, 'SIGSEGV');
      process.kill(pid, 'SIGCONT');
      for (const fault of await Promise.all(under))
        expect(fault).toMatchObject({ code: 'unavailable', message: 'the process of the PKCS#11 module ended by SIGSEGV' });
      const sealed = await backend.seal(sample(32), soon());
      expect(sealed.keyId).toBe(keyId);
      expect(only()).not.toBe(pid);
      expect(token.logged()).toContain('the process of the PKCS#11 module has ended; the next call starts another one');
    });

    it('crashes again and again is started ever more rarely', async () => {
      const backend = open({}, { pause: 60_000, longest: 120_000 });
      await backend.probe(soon());
      for (let crash = 0; crash < 2; crash += 1) {
        const pid = only();
        process.kill(pid, 'SIGSEGV');
        await expect.poll(() => lives(pid)).toBe(false);
        // The end of the process is heard of a moment after it.
        if (crash === 0) await vi.waitFor(() => backend.probe(soon()), 5_000);
      }
      for (const call of [backend.probe(soon()), backend.seal(sample(32), soon())])
        expect(await faultOf(call)).toMatchObject({ code: 'unavailable', message: 'the process of the PKCS#11 module ended by SIGSEGV' });
      expect(moduleProcesses()).toEqual([]);
    });

    it('hangs is killed after a while, and another one serves', async () => {
      const backend = open({}, { patience: 700 });
      await backend.probe(soon());
      const pid = only();
      process.kill(pid, 'SIGSTOP');
      const begun = performance.now();
      expect(await faultOf(backend.seal(sample(32), soon()))).toMatchObject({
        code: 'unavailable',
        message: 'the process of the PKCS#11 module gave no answer for 0.7 s and was killed',
      });
      expect(performance.now() - begun).toBeLessThan(3_000);
      await backend.seal(sample(32), soon());
      expect(only()).not.toBe(pid);
    });

    it('hangs does not hold a caller who gives up', async () => {
      const backend = open();
      await backend.probe(soon());
      process.kill(only(), 'SIGSTOP');
      expect((await faultOf(backend.seal(sample(32), AbortSignal.timeout(200)))).code).toBe('timeout');
    });

    it('is given neither the PIN nor anything else in its words and variables', async () => {
      const backend = open();
      await backend.probe(soon());
      const pid = only();
      for (const name of ['cmdline', 'environ']) expect(readFileSync(`/proc/${pid}/${name}`, 'utf8')).not.toContain(token.pin);
    });

    it('ends with the backend, which is closed for good', async () => {
      const backend = open();
      await backend.probe(soon());
      const pid = only();
      backend.close();
      await expect.poll(() => lives(pid)).toBe(false);
      for (const call of [backend.seal(sample(32), soon()), backend.probe(soon())]) expect((await faultOf(call)).code).toBe('unavailable');
    });
  });
});
