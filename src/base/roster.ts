// What is under way, in the order in which it began, each taken out whenever it ends.

declare const standing: unique symbol;

/** Where a value stands in its roster. */
export interface Place<T> {
  readonly [standing]: T;
}

export interface Roster<T> extends Iterable<T> {
  add(value: T): Place<T>;
  /** Nothing happens when it is out already. */
  remove(place: Place<T>): void;
  /** The value that has been in for the longest time. */
  first(): T | undefined;
  /** Takes that one out. */
  shift(): T | undefined;
}

interface Link<T> {
  value: T | undefined;
  before: Link<T>;
  after: Link<T>;
}

/**
 * A list, and no Set: a Set that is filled and emptied all the time makes itself a new table again and again, and each old table
 * points to the next one. Once one of them is in the old generation, everything that ever stood in the later ones stays in memory
 * until that generation is collected: with the requests of a busy server 60 MB a second, tokens and secrets among them. What is taken out
 * here points to nothing, and holds nothing.
 */
export function createRoster<T>(): Roster<T> {
  const ends = loneLink<T>();
  const takeOut = (link: Link<T>): void => {
    link.before.after = link.after;
    link.after.before = link.before;
    link.before = link;
    link.after = link;
    link.value = undefined;
  };
  return {
    add(value) {
      const link: Link<T> = { value, before: ends.before, after: ends };
      ends.before.after = link;
      ends.before = link;
      return link as unknown as Place<T>;
    },
    remove: (place) => takeOut(place as unknown as Link<T>),
    first: () => ends.after.value,
    shift() {
      const { value } = ends.after;
      takeOut(ends.after);
      return value;
    },
    [Symbol.iterator]() {
      // Of this moment: whoever walks along may take out what it meets.
      const values: T[] = [];
      for (let link = ends.after; link !== ends; link = link.after) values.push(link.value as T);
      return values.values();
    },
  };
}

function loneLink<T>(): Link<T> {
  const link = { value: undefined } as Link<T>;
  link.before = link;
  link.after = link;
  return link;
}
