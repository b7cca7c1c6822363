// The way from one EncryptionConfiguration to another, such that no kube-apiserver ever meets what it cannot open.

import { isDeepStrictEqual } from 'node:util';
import type { EncryptionConfig, Provider, ResourceEntry } from '../config/encryption-config.ts';

/**
 * The rule: before anybody seals with a key, everybody opens it; before a key leaves, nothing needs it. So every apiserver loads
 * `read` before any loads `write`, everything is rewritten under `write`, and `final` follows when that is proved.
 */
export interface Transition {
  /** Seals as before, and opens what the new configuration will seal. */
  readonly read: EncryptionConfig;
  /** Seals as the new configuration does, and opens what was sealed before. */
  readonly write: EncryptionConfig;
  readonly final: EncryptionConfig;
}

const identity: Provider = { type: 'identity' };

/**
 * `before` without entries is a cluster without encryption at rest, and so is `after`. On the way clear text is opened as well: a
 * kube-apiserver that comes back from before encryption writes such, and until it is noticed nobody else could list what it wrote.
 */
export function transitionOf(before: EncryptionConfig, after: EncryptionConfig): Transition {
  const uncovered = after.resources.filter((entry) => !entry.resources.every((pattern) => covers(before, pattern)));
  const dropped = before.resources.filter((entry) => !entry.resources.every((pattern) => covers(after, pattern)));
  return {
    read: {
      resources: openingClear([
        ...before.resources.map((entry) => ({ ...entry, providers: united(entry.providers, providersFor(after, entry.resources)) })),
        ...uncovered.map((entry) => ({
          resources: entry.resources.filter((pattern) => !covers(before, pattern)),
          providers: united([identity], entry.providers, providersFor(before, entry.resources)),
        })),
      ]),
    },
    write: {
      resources: openingClear([
        ...after.resources.map((entry) => ({ ...entry, providers: united(entry.providers, providersFor(before, entry.resources)) })),
        ...dropped.map((entry) => ({
          resources: entry.resources.filter((pattern) => !covers(after, pattern)),
          providers: united([identity], entry.providers, providersFor(after, entry.resources)),
        })),
      ]),
    },
    final: after,
  };
}

function openingClear(entries: readonly ResourceEntry[]): readonly ResourceEntry[] {
  return inOrder(entries.map((entry) => ({ ...entry, providers: united(entry.providers, [identity]) })));
}

/** All patterns whose objects must be rewritten. */
export function patternsOf(before: EncryptionConfig, after: EncryptionConfig): readonly string[] {
  return [...new Set([...after.resources, ...before.resources].flatMap(({ resources }) => resources))];
}

/** Of all entries that may hold objects of these patterns. */
function providersFor(config: EncryptionConfig, patterns: readonly string[]): readonly Provider[] {
  return config.resources
    .filter(({ resources }) => resources.some((own) => patterns.some((pattern) => overlap(own, pattern))))
    .flatMap(({ providers }) => providers);
}

/** The first list's order counts; keys of one name and secret, and providers that are equal, once. */
function united(...lists: readonly (readonly Provider[])[]): readonly Provider[] {
  const all: Provider[] = [];
  for (const provider of lists.flat()) {
    const missing = withoutKnownKeys(provider, all);
    if (missing !== undefined && !all.some((known) => isSame(known, missing))) all.push(missing);
  }
  return all;
}

/** A field that is not given, and one that is given as nothing, are the same. */
function isSame(one: Provider, other: Provider): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(other)));
}

function withoutKnownKeys(provider: Provider, all: readonly Provider[]): Provider | undefined {
  if (provider.type === 'identity' || provider.type === 'kms') return provider;
  const known = all.flatMap((other) => (other.type === provider.type ? other.keys : []));
  const keys = provider.keys.filter((key) => !known.some((other) => isDeepStrictEqual(other, key)));
  return keys.length === 0 ? undefined : { ...provider, keys };
}

interface Pattern {
  readonly plural: string;
  readonly group: string;
}

/** `*.` is the core group, `*.*` everything. */
function patternOf(text: string): Pattern {
  const dot = text.indexOf('.');
  return dot === -1 ? { plural: text, group: '' } : { plural: text.slice(0, dot), group: text.slice(dot + 1) };
}

function overlap(one: string, other: string): boolean {
  const [a, b] = [patternOf(one), patternOf(other)];
  const meet = (x: string, y: string) => x === y || x === '*' || y === '*';
  return meet(a.plural, b.plural) && meet(a.group, b.group);
}

/** Whether each object of the pattern meets an entry of the configuration. */
function covers(config: EncryptionConfig, pattern: string): boolean {
  const { plural, group } = patternOf(pattern);
  return config.resources.some(({ resources }) =>
    resources.some((text) => {
      const own = patternOf(text);
      return (own.plural === '*' || own.plural === plural) && (own.group === '*' || own.group === group);
    }),
  );
}

/** kube-apiserver takes the first entry that fits, and refuses one that an earlier one hides: what is named comes first. */
function inOrder(entries: readonly ResourceEntry[]): readonly ResourceEntry[] {
  const width = ({ resources }: ResourceEntry) =>
    Math.max(...resources.map((text) => (text === '*.*' ? 2 : text.startsWith('*.') ? 1 : 0)));
  return entries.toSorted((a, b) => width(a) - width(b));
}
