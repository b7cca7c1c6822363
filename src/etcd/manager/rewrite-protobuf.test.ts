// Lists in Protocol Buffers taken apart: what comes out is what went in, byte for byte, and hostile bytes are refused.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { secrets } from '../../kube/kinds.ts';
import { message } from '../verify/wire/protobuf.ts';
import { bodyOf, pageInProtobuf, versionInProtobuf } from './rewrite-protobuf.ts';

const text = (value: string) => Buffer.from(value);
const magic = text('k8s\0');

function enveloped(raw: Buffer, kind = 'SecretList', apiVersion = 'v1'): Buffer {
  const type = message([
    [1, text(apiVersion)],
    [2, text(kind)],
  ]);
  return Buffer.concat([
    magic,
    message([
      [1, type],
      [2, raw],
    ]),
  ]);
}

interface Named {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Whatever follows the metadata. */
  readonly data: Uint8Array;
}

function objectOf({ name, namespace, uid, resourceVersion, data }: Named): Buffer {
  const metadata = message([
    [1, text(name)],
    [3, text(namespace)],
    [5, text(uid)],
    [6, text(resourceVersion)],
    [7, 12n],
    [12, data],
  ]);
  return message([
    [1, metadata],
    [2, data],
  ]);
}

function listOf(objects: readonly Buffer[], next = '', remaining = 0n): Buffer {
  const metadata = message([
    [2, text('100')],
    [3, text(next)],
    [4, remaining],
  ]);
  return message([[1, metadata], ...objects.map((object) => [2, object] as const)]);
}

const one: Named = { name: 'db', namespace: 'a', uid: 'u-1', resourceVersion: '7', data: text('hunter2') };
const word = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
const named = fc.record({
  ...{ name: word, namespace: word, uid: word, resourceVersion: word },
  data: fc.uint8Array({ maxLength: 400 }),
});

/** What a read of bytes comes to: a Fault `corrupted`, or its result. */
function read(bytes: Buffer): ReturnType<typeof pageInProtobuf> | 'refused' {
  try {
    return pageInProtobuf(bytes, secrets);
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'corrupted') return 'refused';
    throw thrown;
  }
}

describe('a list', () => {
  it('becomes its objects, each the bytes that it was, and what a body holds is one of them again', () => {
    fc.assert(
      fc.property(fc.array(named, { maxLength: 8 }), fc.string(), fc.bigInt(0n, 2n ** 40n), (all, next, remaining) => {
        const encoded = all.map(objectOf);
        const page = pageInProtobuf(enveloped(listOf(encoded, next, remaining)), secrets);
        expect(page?.objects.map(({ stored, ...names }) => names)).toStrictEqual(all.map(({ data, ...names }) => names));
        expect(page?.objects.map(({ stored }) => Buffer.from(stored as Buffer))).toStrictEqual(encoded);
        expect(page).toMatchObject({ resourceVersion: '100', next: next === '' ? undefined : next });
        expect(page?.remaining).toBe(remaining === 0n ? undefined : Number(remaining));
        for (const [index, object] of encoded.entries()) {
          const body = bodyOf(secrets, object);
          expect(body).toStrictEqual(enveloped(object, 'Secret'));
          expect(versionInProtobuf(body)).toBe(all[index]?.resourceVersion);
        }
      }),
    );
  });

  it('of another kind or version is none of this resource', () => {
    for (const [kind, version] of [
      ['ConfigMapList', 'v1'],
      ['SecretList', 'v2'],
      ['Secret', 'v1'],
      ['', ''],
    ])
      expect(read(enveloped(listOf([objectOf(one)]), kind, version))).toBeUndefined();
  });

  const without = (...fields: readonly (keyof Named)[]) => objectOf({ ...one, ...Object.fromEntries(fields.map((field) => [field, ''])) });
  const metadata = message([
    [1, text('db')],
    [5, text('u-1')],
    [6, text('7')],
  ]);
  const broken: readonly (readonly [string, Buffer])[] = [
    ['that does not begin as a message of Kubernetes', Buffer.concat([text('k8s\x01'), enveloped(listOf([])).subarray(4)])],
    ['that is empty', Buffer.alloc(0)],
    ['that is JSON', text('{"kind":"SecretList","items":[]}')],
    ['with an object without a name', enveloped(listOf([without('name')]))],
    ['with an object without a uid', enveloped(listOf([objectOf(one), without('uid')]))],
    ['with an object without a resourceVersion', enveloped(listOf([without('resourceVersion')]))],
    ['with an object that is no message', enveloped(listOf([Buffer.from([0x0a, 0x05, 0x01])]))],
    [
      'with an object of two metadata',
      enveloped(
        listOf([
          message([
            [1, metadata],
            [1, metadata],
          ]),
        ]),
      ),
    ],
    ['with an object of two names', enveloped(listOf([message([[1, Buffer.concat([metadata, message([[1, text('other')]])])]])]))],
    [
      'with a name that is no UTF-8',
      enveloped(listOf([message([[1, Buffer.concat([metadata.subarray(4), Buffer.from([0x0a, 1, 0xff])])]])])),
    ],
    ['of two lists', Buffer.concat([enveloped(listOf([])), message([[2, listOf([objectOf(one)])]])])],
    ['that is packed', Buffer.concat([enveloped(listOf([])), message([[3, text('gzip')]])])],
  ];
  it.each(broken)('%s is refused', (_what, bytes) => {
    expect(read(bytes)).toBe('refused');
  });

  it('that was cut off, or of which bytes were changed, never becomes an object that was not in it whole', () => {
    const encoded = Array.from({ length: 3 }, (_, index) => objectOf({ ...one, name: `db-${index}` }));
    const whole = enveloped(listOf(encoded, 'next', 5n));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), (end) => {
        const found = read(whole.subarray(0, end));
        // A cut between two fields of the envelope leaves an envelope without a list.
        expect(found === 'refused' || found === undefined || found.objects.length === 0).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        const found = read(changed);
        if (found === 'refused' || found === undefined) return;
        for (const { name, uid, resourceVersion, stored } of found.objects) {
          expect(changed.includes(stored as Buffer)).toBe(true);
          expect(pageInProtobuf(enveloped(listOf([stored as Buffer])), secrets)?.objects).toMatchObject([{ name, uid, resourceVersion }]);
        }
      }),
    );
  });

  it('of whatever bytes is refused or read, and nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (noise, framed) => {
        const bytes = framed ? enveloped(Buffer.from(noise)) : Buffer.concat([magic, noise]);
        const found = read(bytes);
        if (found !== 'refused' && found !== undefined)
          for (const { name, uid, resourceVersion } of found.objects) expect([name, uid, resourceVersion]).not.toContain('');
      }),
    );
  });
});

it('an answer without a version has none, and one that is no message is refused', () => {
  expect(versionInProtobuf(enveloped(Buffer.alloc(0), 'PartialObjectMetadata', 'meta.k8s.io/v1'))).toBeUndefined();
  expect(() => versionInProtobuf(text('{}'))).toThrow(Fault);
});
