// One work at a time per key, in order of arrival.

export type Serialise = <T>(key: string, work: () => Promise<T>) => Promise<T>;

export function createSerialiser(): Serialise {
  const tails = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const before = tails.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    const tail = mine.then(ignore, ignore).then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
    tails.set(key, tail);
    return mine;
  };
}

function ignore(): void {}
