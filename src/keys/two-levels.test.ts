// Two levels: one call to the holder for many seals, every node opens what any of them sealed, and a cache that opens while the holder is away.

import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exerciseKeyBackend, faultOf, sample, soon } from '../../test/suites/key-backend.ts';
import { startTransitHolder, type TransitHolder } from '../../test/suites/transit-holder.ts';
import { Fault } from '../base/fault.ts';
import { jsonLog, silentLog } from '../base/log.ts';
import { keyFromBytes } from '../crypto/keys.ts';
import { systemRandom } from '../crypto/random.ts';
import { localBackend } from './backends/local.ts';
import { openLocalRing } from './backends/local-ring.ts';
import type { Cipher } from './description.ts';
import type { KeyBackend } from './key-backend.ts';
import { createRing } from './ring-file.ts';
import { openTwoLevels, wrappedKeyAnnotation } from './two-levels.ts';

let transit: TransitHolder;
beforeAll(async () => {
  transit = await startTransitHolder();
  await transit.makeKey('another');
});
afterAll(() => transit.end());

for (const cipher of ['aes-256-gcm', 'sm4-gcm'] satisfies Cipher[])
  exerciseKeyBackend(`a ${cipher} key wrapped by transit`, async () => {
    const open = (key: string) => openTwoLevels(transit.open({ key }), { random: systemRandom, log: silentLog }, { cipher });
    return {
      backend: await open('etcd'),
      again: () => open('etcd'),
      stranger: () => open('another'),
      rotate: () => transit.rotate('etcd'),
      async end() {},
    };
  });

/** A holder that counts its calls and can be sent away, or told to say no. */
function countingHolder(fill = 1): KeyBackend & { calls: number; away: 'unavailable' | 'permission-denied' | undefined } {
  const inner = localBackend({ current: keyFromBytes(new Uint8Array(32).fill(fill)) }, systemRandom);
  const holder = {
    ...inner,
    calls: 0,
    away: undefined as 'unavailable' | 'permission-denied' | undefined,
    async seal(...given: Parameters<KeyBackend['seal']>) {
      reach();
      return inner.seal(...given);
    },
    async open(...given: Parameters<KeyBackend['open']>) {
      reach();
      return inner.open(...given);
    },
    async probe() {
      if (holder.away !== undefined) throw new Fault(holder.away, 'away');
    },
  };
  const reach = (): void => {
    holder.calls += 1;
    if (holder.away !== undefined) throw new Fault(holder.away, 'away');
  };
  return holder;
}

let folder: string;
let lines: string[];
const cachePath = () => join(folder, 'keys');
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-levels-'));
  lines = [];
  await createRing(
    join(folder, 'ring'),
    { name: 'cache', cipher: 'aes-256-gcm' },
    { random: systemRandom, clock: { now: () => 0, monotonic: () => 0 } },
  );
});
afterEach(() => rmSync(folder, { recursive: true }));
const log = () => jsonLog({ level: 'warn', write: (line) => void lines.push(line), now: () => 0 });

async function open(holder: KeyBackend, cached = false): Promise<KeyBackend> {
  const ring = await openLocalRing({ path: join(folder, 'ring') }, { random: systemRandom, environment: {} });
  return openTwoLevels(holder, { random: systemRandom, log: log() }, cached ? { cache: { path: cachePath(), ring } } : {});
}

describe('two levels', () => {
  it('ask the holder once for many seals and opens', async () => {
    const holder = countingHolder();
    const backend = await open(holder);
    for (let turn = 0; turn < 20; turn++) await backend.open(await backend.seal(sample(32), soon()), soon());
    expect(holder.calls).toBe(1);
    const other = await open(holder);
    const sealed = [await backend.seal(sample(32), soon()), await backend.seal(sample(32), soon())];
    for (const one of sealed) await other.open(one, soon());
    expect(holder.calls).toBe(2);
  });

  it('ask once when the first calls come together', async () => {
    const holder = countingHolder();
    const backend = await open(holder);
    await Promise.all(Array.from({ length: 10 }, () => backend.seal(sample(32), soon())));
    expect(holder.calls).toBe(1);
  });

  it('go on while the holder is away, and are well; not when it says no', async () => {
    const holder = countingHolder();
    const backend = await open(holder);
    await backend.probe(soon());
    const sealed = await backend.seal(sample(32), soon());
    holder.away = 'unavailable';
    await faultOf(backend.probe(soon()));
    expect(backend.current().healthy).toBe(true);
    await backend.open(await backend.seal(sample(32), soon()), soon());
    holder.away = 'permission-denied';
    await faultOf(backend.probe(soon()));
    expect(backend.current()).toStrictEqual({ keyId: sealed.keyId, healthy: false });
    holder.away = undefined;
    await backend.probe(soon());
    expect(backend.current().healthy).toBe(true);
  });

  it('without a cache open nothing after a start while the holder is away', async () => {
    const holder = countingHolder();
    const sealed = await (await open(holder)).seal(sample(32), soon());
    holder.away = 'unavailable';
    const started = await open(holder);
    expect(started.current().healthy).toBe(false);
    expect((await faultOf(started.open(sealed, soon()))).code).toBe('unavailable');
  });

  it('take no key that was swapped for that of other data', async () => {
    const holder = countingHolder();
    const [one, two] = [await (await open(holder)).seal(sample(32), soon()), await (await open(holder)).seal(sample(32), soon())];
    const swapped = { ...one, annotations: { [wrappedKeyAnnotation]: two.annotations[wrappedKeyAnnotation] as Uint8Array } };
    expect((await faultOf((await open(holder)).open(swapped, soon()))).code).toBe('corrupted');
  });
});

describe('the cache', () => {
  it('is 0600, holds no key that could be read, and opens and seals after a start while the holder is away', async () => {
    const holder = countingHolder();
    const backend = await open(holder, true);
    await backend.probe(soon());
    const sealed = await backend.seal(sample(32), soon());
    expect(statSync(cachePath()).mode & 0o777).toBe(0o600);
    holder.away = 'unavailable';
    const started = await open(holder, true);
    expect(started.current()).toStrictEqual({ keyId: sealed.keyId, healthy: true });
    expect(Buffer.from(await started.open(sealed, soon()))).toStrictEqual(sample(32));
    const again = await started.seal(sample(32), soon());
    holder.away = undefined;
    expect(Buffer.from(await (await open(holder)).open(again, soon()))).toStrictEqual(sample(32));
  });

  it('also keeps the keys of other nodes once they were opened here', async () => {
    const holder = countingHolder();
    const foreign = await (await open(holder)).seal(sample(32), soon());
    await (await open(holder, true)).open(foreign, soon());
    holder.away = 'unavailable';
    expect(Buffer.from(await (await open(holder, true)).open(foreign, soon()))).toStrictEqual(sample(32));
  });

  it('is not there unless the operator asks for it', async () => {
    await (await open(countingHolder())).seal(sample(32), soon());
    expect(() => statSync(cachePath())).toThrow('ENOENT');
  });

  it('that others may read is refused', async () => {
    await (await open(countingHolder(), true)).seal(sample(32), soon());
    chmodSync(cachePath(), 0o644);
    expect((await faultOf(open(countingHolder(), true))).message).toBe(
      `the key cache ${cachePath()} may be read by others; chmod it to 0600`,
    );
  });

  it.each(['', '{', '{"format":2,"keys":[]}', '{"format":1,"keys":[{}]}', 'null'])(
    'that is damaged is begun anew, and the log says so: %s',
    async (content) => {
      const holder = countingHolder();
      writeFileSync(cachePath(), content, { mode: 0o600 });
      const backend = await open(holder, true);
      expect(lines.join('')).toContain('the key cache is damaged');
      const sealed = await backend.seal(sample(32), soon());
      holder.away = 'unavailable';
      expect(Buffer.from(await (await open(holder, true)).open(sealed, soon()))).toStrictEqual(sample(32));
    },
  );

  it('of another ring is of no use, and the holder is asked', async () => {
    const holder = countingHolder();
    const sealed = await (await open(holder, true)).seal(sample(32), soon());
    rmSync(join(folder, 'ring'));
    await createRing(
      join(folder, 'ring'),
      { name: 'cache', cipher: 'aes-256-gcm' },
      { random: systemRandom, clock: { now: () => 0, monotonic: () => 0 } },
    );
    const backend = await open(holder, true);
    expect(Buffer.from(await backend.open(sealed, soon()))).toStrictEqual(sample(32));
    expect(lines.join('')).toContain('a key of the cache cannot be opened');
  });

  it('that cannot be written costs no call', async () => {
    const holder = countingHolder();
    const ring = await openLocalRing({ path: join(folder, 'ring') }, { random: systemRandom, environment: {} });
    const path = join(folder, 'absent', 'keys');
    const backend = await openTwoLevels(holder, { random: systemRandom, log: log() }, { cache: { path, ring } });
    await backend.open(await backend.seal(sample(32), soon()), soon());
    expect(lines.join('')).toContain('the key cache cannot be written');
  });

  it('tells neither keys nor plaintexts', async () => {
    const backend = await open(countingHolder(), true);
    await backend.seal(Buffer.from('marked plaintext'), soon());
    expect(readFileSync(cachePath(), 'utf8')).not.toContain(Buffer.from('marked plaintext').toString('base64'));
  });
});
