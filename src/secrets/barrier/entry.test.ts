// An encrypted entry opens as it was sealed, where it was sealed, and in no other way; no nonce stands twice under one subkey.

import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../crypto/random.ts';
import { createEntryKeys, type EntryKeys, termOf } from './entry.ts';
import { freshTerm, type Term } from './keyring.ts';

const term = freshTerm(7, systemRandom, 0);
const termFor = (number: number): Term | undefined => (number === term.number ? term : undefined);
const value = Buffer.from('the value');

function refusal(keys: EntryKeys, key: string, entry: Uint8Array): Fault {
  try {
    keys.open(termFor, key, entry);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return thrown as Fault;
  }
  throw new Error('it opened');
}

/** Salt and nonce, as they stand in an entry. */
function places(entry: Uint8Array): { readonly salt: string; readonly nonce: string } {
  const bytes = Buffer.from(entry);
  return { salt: bytes.toString('hex', 5, 21), nonce: bytes.toString('hex', 21, 33) };
}

describe('an entry', () => {
  it.each([0, 1, 15, 16, 17, 1_048_577])('opens again with %i bytes', (length) => {
    const keys = createEntryKeys(systemRandom);
    const long = systemRandom(length);
    expect(Buffer.compare(createEntryKeys(systemRandom).open(termFor, 'a/b', keys.seal(term, 'a/b', long)), long)).toBe(0);
  });

  it('shows nothing of its value, and the number of its term', () => {
    const entry = createEntryKeys(systemRandom).seal(term, 'a/b', value);
    expect(Buffer.from(entry).includes(value)).toBe(false);
    expect(entry.length).toBe(33 + value.length + 16);
    expect([entry[0], termOf(entry)]).toEqual([1, 7]);
  });

  it('does not open under another key', () => {
    const keys = createEntryKeys(systemRandom);
    const entry = keys.seal(term, 'a/b', value);
    for (const other of ['a/c', 'a/b/', 'a', '', 'A/b']) {
      const fault = refusal(keys, other, entry);
      expect([fault.code, fault.fields]).toEqual(['corrupted', { storage_key: other }]);
      expect(fault.message).toBe('an entry of the store is damaged; the log names it');
    }
  });

  it('does not open when a single bit of it has changed', () => {
    const keys = createEntryKeys(systemRandom);
    const entry = keys.seal(term, 'a/b', value);
    for (let bit = 0; bit < entry.length * 8; bit++) {
      const changed = Uint8Array.from(entry);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect([bit, refusal(keys, 'a/b', changed).code]).toEqual([bit, 'corrupted']);
    }
    expect(Buffer.compare(keys.open(termFor, 'a/b', entry), value)).toBe(0);
  });

  it('does not open when its end is missing, or when more follows', () => {
    const keys = createEntryKeys(systemRandom);
    const entry = keys.seal(term, 'a/b', value);
    for (let length = 0; length < entry.length; length++) expect(refusal(keys, 'a/b', entry.subarray(0, length)).code).toBe('corrupted');
    expect(refusal(keys, 'a/b', Buffer.concat([entry, Buffer.alloc(1)])).code).toBe('corrupted');
  });

  it('does not open under another term of the same number', () => {
    const entry = createEntryKeys(systemRandom).seal(freshTerm(7, systemRandom, 0), 'a/b', value);
    expect(refusal(createEntryKeys(systemRandom), 'a/b', entry).code).toBe('corrupted');
  });
});

describe('subkeys', () => {
  it('count their nonces up and take a new salt at each start of a process, after sealing, and for each term', () => {
    const seen = new Set<string>();
    const salts = new Set<string>();
    const sealSome = (keys: EntryKeys, under: Term) => {
      for (let count = 0; count < 50; count++) {
        const { salt, nonce } = places(keys.seal(under, 'a', value));
        salts.add(salt);
        seen.add(`${salt} ${nonce}`);
      }
    };
    for (let start = 0; start < 5; start++) {
      const keys = createEntryKeys(systemRandom);
      sealSome(keys, freshTerm(8, systemRandom, 0));
      sealSome(keys, term);
      keys.forget();
      sealSome(keys, term);
    }
    expect([salts.size, seen.size]).toEqual([15, 750]);
  });

  it('give way to a new one when they have sealed their share', () => {
    const keys = createEntryKeys(systemRandom, 3);
    const sealed = Array.from({ length: 8 }, () => keys.seal(term, 'a', value));
    const salts = sealed.map((entry) => places(entry).salt);
    expect(salts.map((salt) => salts.indexOf(salt))).toEqual([0, 0, 0, 3, 3, 3, 6, 6]);
    expect(new Set(sealed.map((entry) => JSON.stringify(places(entry)))).size).toBe(8);
    for (const entry of sealed) expect(Buffer.compare(keys.open(termFor, 'a', entry), value)).toBe(0);
    expect(keys.sealedCount(term)).toBe(8);
  });

  it('are more than a process remembers, and all open', () => {
    const sealed = Array.from({ length: 1_100 }, () => createEntryKeys(systemRandom).seal(term, 'a', value));
    const keys = createEntryKeys(systemRandom);
    for (let round = 0; round < 2; round++)
      for (const entry of sealed) expect(Buffer.compare(keys.open(termFor, 'a', entry), value)).toBe(0);
  });
});
