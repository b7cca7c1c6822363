// The stanza key "TYPE" of the KMS plugin: who holds the key, as a seal stanza names him, and whether keys made here stand in between.

import { type KeySource, secret } from './key-source.ts';
import { type Kind, listed, path, word } from './kind.ts';
import { heldSealTypes, readHolder, type SealHolder } from './seal-holder.ts';
import { quoted, refuse, type Section } from './section.ts';

export interface TwoLevels {
  readonly type: 'two-levels';
  readonly holder: SealHolder;
  readonly cipher: 'aes-256-gcm' | 'sm4-gcm' | undefined;
  readonly cache: { readonly path: string; readonly ring: KeyRing } | undefined;
}

interface KeyRing {
  readonly type: 'local';
  readonly path: string;
  readonly passphrase: KeySource | undefined;
}

export type KeyStanza = SealHolder | TwoLevels;

/** For the sentence that asks for such a stanza. */
export const keyTypes = listed(heldSealTypes);

/** Throws Fault `usage` for a type that does not exist, or without what it needs. */
export function readKeyStanza(stanza: Section): KeyStanza {
  const type = heldSealTypes.find((known) => known === stanza.labels[0]?.toLowerCase());
  if (type === undefined)
    throw refuse(stanza.where, `a key of type ${quoted(stanza.labels[0] ?? '')} does not exist here; use ${keyTypes}`);
  const holder = readHolder(type, stanza);
  const [levels, another] = stanza.stanzas('two_levels');
  if (another !== undefined) throw refuse(another.where, 'two_levels stands once in a key');
  const key = levels === undefined ? holder : twoLevels(holder, levels);
  stanza.warnOfRest();
  return key;
}

const ciphers = word(new Map((['aes-256-gcm', 'sm4-gcm'] as const).map((cipher) => [cipher, cipher] as const)));

function twoLevels(holder: SealHolder, stanza: Section): TwoLevels {
  const cacheFile = stanza.read('cache_file', path);
  const cacheRing = stanza.read('cache_ring', path);
  const passphrase = stanza.read('cache_passphrase', secret);
  if ((cacheFile === undefined) !== (cacheRing === undefined))
    throw refuse(
      stanza.where,
      `${stanza.title} needs cache_file and cache_ring together: the file of keys in use, and the key ring that seals it`,
    );
  const cipher = stanza.read('cipher', ciphers);
  stanza.warnOfRest();
  const cache =
    cacheFile === undefined || cacheRing === undefined
      ? undefined
      : { path: cacheFile, ring: { type: 'local' as const, path: cacheRing, passphrase } };
  return { type: 'two-levels', holder, cipher, cache };
}

export function needed<T>(stanza: Section, name: string, kind: Kind<T>): T {
  const value = stanza.read(name, kind);
  if (value === undefined) throw refuse(stanza.where, `${stanza.title} needs ${name}, ${kind.allowed}`);
  return value;
}
