// What every key backend must do, whoever holds its key: seal and open, name the key, refuse what is not its own, notice a rotation and an outage.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import type { KeyBackend, SealedBytes } from '../../src/keys/key-backend.ts';

export interface KeyBackendSubject {
  readonly backend: KeyBackend;
  /** The same key opened by another node, or after a start. */
  again(): Promise<KeyBackend>;
  /** Another key of the same kind. */
  stranger(): Promise<KeyBackend>;
  /** Gives the key a new version at its holder; the backend is told nothing. Left out where the holder does not tell versions. */
  rotate?(): Promise<void>;
  /** Makes the holder unreachable, and reachable again. Left out where nobody has to be reached. */
  cut?(): Promise<void>;
  mend?(): Promise<void>;
  end(): Promise<void>;
}

/** Opens the subject once; what its backend sealed stays open through all of the tests. */
export function exerciseKeyBackend(name: string, open: () => Promise<KeyBackendSubject>): void {
  describe(`${name}, as every key backend,`, () => {
    let subject: KeyBackendSubject;
    let backend: KeyBackend;
    const opened: KeyBackend[] = [];
    const other = async (made: Promise<KeyBackend>): Promise<KeyBackend> => {
      const one = await made;
      opened.push(one);
      return one;
    };
    beforeAll(async () => {
      subject = await open();
      backend = subject.backend;
    });
    afterAll(async () => {
      for (const one of opened) one.close();
      backend.close();
      await subject.end();
    });

    it('is healthy and names its key after a probe', async () => {
      await backend.probe(soon());
      const { keyId, healthy } = backend.current();
      expect(healthy).toBe(true);
      expect(Buffer.byteLength(keyId)).toBeGreaterThan(0);
      expect(Buffer.byteLength(keyId)).toBeLessThanOrEqual(1024);
      await backend.probe(soon());
      expect(backend.current()).toStrictEqual({ keyId, healthy: true });
    });

    it.each([1, 16, 32, 33, 64, 1024])('opens %i bytes that it sealed', async (length) => {
      const plaintext = sample(length);
      const sealed = await backend.seal(plaintext, soon());
      expectBytes(await backend.open(sealed, soon()), plaintext);
      if (length >= 16) expect(Buffer.from(sealed.ciphertext).includes(plaintext)).toBe(false);
    });

    it('stays within the bounds of KMS v2', async () => {
      const { keyId, ciphertext, annotations } = await backend.seal(sample(64), soon());
      expect(keyId).toBe(backend.current().keyId);
      expect(ciphertext.length).toBeGreaterThan(0);
      expect(ciphertext.length).toBeLessThanOrEqual(1024);
      let bytes = 0;
      for (const [domain, value] of Object.entries(annotations)) {
        expect(domain).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/);
        bytes += domain.length + value.length;
      }
      expect(bytes).toBeLessThanOrEqual(32 * 1024);
    });

    it('seals the same bytes differently each time', async () => {
      const [one, two] = [await backend.seal(sample(32), soon()), await backend.seal(sample(32), soon())];
      expect(Buffer.compare(one.ciphertext, two.ciphertext)).not.toBe(0);
    });

    it('opens on every node, and the nodes name the key alike', async () => {
      const node = await other(subject.again());
      await node.probe(soon());
      expect(node.current()).toStrictEqual(backend.current());
      expectBytes(await node.open(await backend.seal(sample(32), soon()), soon()), sample(32));
      expectBytes(await backend.open(await node.seal(sample(32), soon()), soon()), sample(32));
    });

    it('opens as the first call of all after a start', async () => {
      const sealed = await backend.seal(sample(32), soon());
      expectBytes(await (await other(subject.again())).open(sealed, soon()), sample(32));
    });

    it('seals as the first call of all after a start, and names the key from then on', async () => {
      const node = await other(subject.again());
      const sealed = await node.seal(sample(32), soon());
      expect(node.current().keyId).toBe(sealed.keyId);
    });

    it('answers many calls at once, each with its own bytes', async () => {
      const plaintexts = Array.from({ length: 24 }, (_, index) => sample(32, index));
      const sealed = await Promise.all(plaintexts.map((plaintext) => backend.seal(plaintext, soon())));
      const found = await Promise.all(sealed.map((one) => backend.open(one, soon())));
      expect(found.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(plaintexts.map((bytes) => bytes.toString('hex')));
    });

    it('opens nothing that was changed, and says nothing of what it held', async () => {
      const marked = Buffer.from('marked plaintext of thirty-two b');
      const sealed = await backend.seal(marked, soon());
      for (const changed of changesOf(sealed)) {
        const fault = await faultOf(backend.open(changed, soon()));
        expect(['corrupted', 'invalid-request']).toContain(fault.code);
        expect(said(fault)).not.toContain('marked');
      }
      expectBytes(await backend.open(sealed, soon()), marked);
    });

    it('refuses what another key sealed, under its own name and under that of the other', async () => {
      const stranger = await other(subject.stranger());
      const sealed = await stranger.seal(sample(32), soon());
      expect(sealed.keyId).not.toBe(backend.current().keyId);
      const fault = await faultOf(backend.open(sealed, soon()));
      expect(['corrupted', 'invalid-request']).toContain(fault.code);
      const renamed = await faultOf(backend.open({ ...sealed, keyId: backend.current().keyId }, soon()));
      expect(['corrupted', 'invalid-request']).toContain(renamed.code);
    });

    it('gives up when its caller does', async () => {
      const sealed = await backend.seal(sample(32), soon());
      const gone = AbortSignal.abort(new Error('the caller left'));
      for (const call of [() => backend.seal(sample(32), gone), () => backend.open(sealed, gone)]) {
        const ended = await call().then(
          () => 'answered',
          (thrown: unknown) => (thrown instanceof Fault ? thrown.code : 'no fault'),
        );
        // What is done in memory is done before anybody could leave.
        expect(['answered', 'unavailable', 'timeout']).toContain(ended);
      }
    });

    it('notices a new version at the next probe, seals with it, and opens what older ones sealed', async ({ skip }) => {
      if (subject.rotate === undefined) return skip('the holder of this key does not tell its versions');
      const before = await backend.seal(sample(32), soon());
      await subject.rotate();
      await backend.probe(soon());
      const { keyId, healthy } = backend.current();
      expect(healthy).toBe(true);
      expect(keyId).not.toBe(before.keyId);
      const after = await backend.seal(sample(32, 1), soon());
      expect(after.keyId).toBe(keyId);
      for (const one of [backend, await other(subject.again())]) {
        expectBytes(await one.open(before, soon()), sample(32));
        expectBytes(await one.open(after, soon()), sample(32, 1));
      }
      const mixed = await faultOf(backend.open({ ...before, keyId }, soon()));
      expect(['corrupted', 'invalid-request']).toContain(mixed.code);
    });

    it('is not healthy while its holder cannot be reached, keeps the name of the key, and recovers by itself', async ({ skip }) => {
      if (subject.cut === undefined || subject.mend === undefined) return skip('nobody has to be reached for this key');
      await backend.probe(soon());
      const { keyId } = backend.current();
      const sealed = await backend.seal(sample(32), soon());
      await subject.cut();
      try {
        for (const call of [() => backend.probe(soon()), () => backend.seal(sample(32), soon()), () => backend.open(sealed, soon())])
          expect(['unavailable', 'timeout']).toContain((await faultOf(call())).code);
        expect(backend.current()).toStrictEqual({ keyId, healthy: false });
      } finally {
        await subject.mend();
      }
      await backend.probe(soon());
      expect(backend.current()).toStrictEqual({ keyId, healthy: true });
      expectBytes(await backend.open(sealed, soon()), sample(32));
    });
  });
}

export const soon = (): AbortSignal => AbortSignal.timeout(10_000);

/** Different bytes for each seed. */
export function sample(length: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 131 + seed * 17 + 7) % 256));
}

function expectBytes(found: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.from(found).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
}

/** The fault that a call ended with. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const thrown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  return thrown as Fault;
}

/** A fault with all of its causes, as a log could show it. */
function said(fault: Fault): string {
  let text = '';
  for (let error: unknown = fault; error instanceof Error; error = error.cause) text += `${error.message}\n${error.stack}\n`;
  return text;
}

/** One bit changed here and there, ends cut off, and the same in each annotation. */
function changesOf(sealed: SealedBytes): SealedBytes[] {
  const ciphertexts = changedBytes(sealed.ciphertext).map((ciphertext) => ({ ...sealed, ciphertext }));
  const annotations = Object.entries(sealed.annotations).flatMap(([domain, value]) =>
    changedBytes(value).map((changed) => ({ ...sealed, annotations: { ...sealed.annotations, [domain]: changed } })),
  );
  const without = Object.keys(sealed.annotations).map((domain) => ({
    ...sealed,
    annotations: Object.fromEntries(Object.entries(sealed.annotations).filter(([one]) => one !== domain)),
  }));
  return [...ciphertexts, ...annotations, ...without];
}

function changedBytes(bytes: Uint8Array): Uint8Array[] {
  const places = [0, 1, Math.floor(bytes.length / 3), Math.floor(bytes.length / 2), bytes.length - 4];
  const flipped = places.map((place) => Uint8Array.from(bytes, (byte, index) => (index === place ? byte ^ 1 : byte)));
  return [...flipped, bytes.subarray(0, -1), bytes.subarray(0, 9), new Uint8Array()];
}
