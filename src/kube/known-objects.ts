// What a watch has told of so far: turns lists and events into changes, each final state once and none left out.

import { type AnyObject, type KubeObject, refText } from './object.ts';

/** `object` is the last state that was seen of what is gone; undefined where only its absence was. */
export type Change<T extends KubeObject = AnyObject> =
  | { readonly type: 'added' | 'modified'; readonly object: T }
  | {
      readonly type: 'deleted';
      readonly name: string;
      readonly namespace: string | undefined;
      readonly uid: string;
      readonly object: T | undefined;
    }
  /** Once: all that was there at the beginning has been told. */
  | { readonly type: 'synced' };

export interface KnownObjects<T extends KubeObject> {
  /** An object as it is now. */
  seen(object: T): readonly Change<T>[];
  gone(object: T): readonly Change<T>[];
  /** All that is there: what is known and not among it is gone. */
  all(objects: readonly T[]): readonly Change<T>[];
}

interface Known {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Keeps names and versions only: what an object holds may be secret, and is the reader's. */
export function createKnownObjects<T extends KubeObject>(): KnownObjects<T> {
  const known = new Map<string, Known>();
  const forget = (key: string, object: T | undefined): readonly Change<T>[] => {
    const last = known.get(key);
    if (last === undefined) return [];
    known.delete(key);
    return [{ type: 'deleted', name: last.name, namespace: last.namespace, uid: last.uid, object }];
  };
  const seen = (object: T): readonly Change<T>[] => {
    const key = refText(object.metadata);
    const { name = '', namespace, uid = '', resourceVersion = '' } = object.metadata;
    const last = known.get(key);
    if (last?.uid === uid && last.resourceVersion === resourceVersion) return [];
    // One of the same name that is another: the end of the first was missed.
    const ended = last === undefined || last.uid === uid ? [] : forget(key, undefined);
    known.set(key, { name, namespace, uid, resourceVersion });
    return [...ended, { type: last?.uid === uid ? 'modified' : 'added', object }];
  };
  return {
    seen,
    gone: (object) => forget(refText(object.metadata), object),
    all(objects) {
      const there = new Set(objects.map(({ metadata }) => refText(metadata)));
      const ended = [...known.keys()].filter((key) => !there.has(key)).flatMap((key) => forget(key, undefined));
      return [...ended, ...objects.flatMap(seen)];
    },
  };
}
