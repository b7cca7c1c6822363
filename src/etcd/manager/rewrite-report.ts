// What became of the objects of a rewrite: exact counts, the names of those that were refused, and the place to go on from.

/**
 * `rewritten`: stored anew by this call, so sealed with the key that writes now.
 * `current`: the server found nothing to write, so it was sealed with that key already.
 * `changed`: somebody wrote it after the rewrite had begun, and so sealed it anew.
 * `gone`: deleted meanwhile.
 * `refused`: a webhook, a schema or a limit does not let it be written: it may still need the old key.
 */
export type RewriteOutcome = 'rewritten' | 'current' | 'changed' | 'gone' | 'refused';

export type RewriteCounts = Readonly<Record<RewriteOutcome, number>>;

export interface RefusedObject {
  /** `secrets`, `widgets.example.com`. */
  readonly resource: string;
  /** `team-a/db`, or the name alone. */
  readonly object: string;
  /** In the server's words, without the values of fields. */
  readonly reason: string;
}

/** JSON; written down between pages and read again by a later process. */
export interface RewriteCursor {
  readonly version: 1;
  /** Resources that are done with. */
  readonly done: readonly { readonly resource: string; readonly counts: RewriteCounts }[];
  /** The one under way; undefined between two. */
  readonly at: RewritePlace | undefined;
  /** Some of those that were refused; the counts tell how many there are. */
  readonly refused: readonly RefusedObject[];
}

export interface RewritePlace {
  readonly resource: string;
  /** The server's token for the next page; undefined: from the beginning. */
  readonly next: string | undefined;
  /** State of the first list: what is newer was written since. */
  readonly since: string;
  /** Of its objects up to here. */
  readonly counts: RewriteCounts;
  /** For people: the last object of the last page. */
  readonly last: string | undefined;
}

/** Names that are kept; a page of them tells what is wrong as well as all of them. */
export const mostRefusedNames = 100;

export const noCounts: RewriteCounts = { rewritten: 0, current: 0, changed: 0, gone: 0, refused: 0 };

export function sumOf(one: RewriteCounts, other: RewriteCounts): RewriteCounts {
  return {
    rewritten: one.rewritten + other.rewritten,
    current: one.current + other.current,
    changed: one.changed + other.changed,
    gone: one.gone + other.gone,
    refused: one.refused + other.refused,
  };
}

export function objectsIn(counts: RewriteCounts): number {
  return counts.rewritten + counts.current + counts.changed + counts.gone + counts.refused;
}

/** What one page came to; counted apart until the page is done, so that a cursor never knows half a page. */
export interface Tally {
  add(outcome: RewriteOutcome): void;
  refuse(object: RefusedObject): void;
  counts(): RewriteCounts;
  refused(): readonly RefusedObject[];
}

export function createTally(): Tally {
  const counts: Record<RewriteOutcome, number> = { ...noCounts };
  const refused: RefusedObject[] = [];
  return {
    add(outcome) {
      counts[outcome]++;
    },
    refuse(object) {
      counts.refused++;
      if (refused.length < mostRefusedNames) refused.push(object);
    },
    counts: () => ({ ...counts }),
    refused: () => refused,
  };
}
