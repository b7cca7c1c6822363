// Counts values by resource, provider and key, and names those that are not sealed as they should be; keeps nothing of the values.

import { type ObjectKey, objectOfKey } from './resource-keys.ts';
import { type StoredForm, storedFormOf } from './stored-form.ts';

export interface CountRow extends StoredForm {
  readonly resource: string;
  readonly objects: number;
  /** Of the values as they lie in etcd. */
  readonly bytes: number;
}

export interface NamedObject extends ObjectKey {
  readonly form: StoredForm;
}

export interface Count {
  /** By resource, provider, key and key id. */
  readonly rows: readonly CountRow[];
  /** What is not sealed as expected. `count` is exact, `objects` are the first of them. */
  readonly named: { readonly count: number; readonly objects: readonly NamedObject[] };
}

export interface CountOptions {
  /** Which object a key is; undefined is not counted. By default `objectOfKey` below `root`. */
  readonly entryOf?: ((key: string) => ObjectKey | undefined) | undefined;
  /** `/registry` by default. */
  readonly root?: string | undefined;
  /** Whether the object is sealed as it should be; by default everything is. */
  readonly expected?: ((resource: string, form: StoredForm) => boolean) | undefined;
  /** Objects to name; 1,000 by default. */
  readonly mostNamed?: number | undefined;
  /** Names of keys that are known; see `storedFormOf`. */
  readonly keyNames?: readonly string[] | undefined;
}

export interface Counting {
  add(key: Buffer | string, value: Buffer): void;
  /** An object whose key has been read already. */
  addObject(object: ObjectKey, value: Buffer): void;
  /** So far. */
  result(): Count;
}

const usualNamed = 1_000;

export function createCount({ entryOf, root = '/registry', expected, mostNamed = usualNamed, keyNames }: CountOptions = {}): Counting {
  const objectOf = entryOf ?? ((key: string) => objectOfKey(key, root));
  const rows = new Map<string, { readonly resource: string; readonly form: StoredForm; objects: number; bytes: number }>();
  const named: NamedObject[] = [];
  let unexpected = 0;
  const addObject = (object: ObjectKey, value: Buffer): void => {
    const form = storedFormOf(value, keyNames);
    const { resource } = object;
    // No part of it holds a NUL: a plural, a word of ours, a name out of a YAML file; a key id comes last.
    const place = `${resource}\0${form.provider}\0${form.key}\0${form.keyId ?? ''}`;
    let row = rows.get(place);
    if (row === undefined) {
      row = { resource, form, objects: 0, bytes: 0 };
      rows.set(place, row);
    }
    row.objects += 1;
    row.bytes += value.length;
    if (expected === undefined || expected(resource, form)) return;
    unexpected += 1;
    if (named.length < mostNamed) named.push({ ...object, form });
  };
  return {
    addObject,
    add(key, value) {
      const object = objectOf(typeof key === 'string' ? key : key.toString());
      if (object !== undefined) addObject(object, value);
    },
    result: () => ({
      rows: [...rows.values()].map(({ resource, form, objects, bytes }) => ({ resource, ...form, objects, bytes })).sort(byPlace),
      named: { count: unexpected, objects: [...named].sort(byName) },
    }),
  };
}

function byPlace(one: CountRow, other: CountRow): number {
  return (
    compare(one.resource, other.resource) ||
    compare(one.provider, other.provider) ||
    compare(one.key, other.key) ||
    compare(one.keyId ?? '', other.keyId ?? '')
  );
}

function byName(one: NamedObject, other: NamedObject): number {
  return compare(one.resource, other.resource) || compare(one.namespace ?? '', other.namespace ?? '') || compare(one.name, other.name);
}

/** By code units: the same order on every machine. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
