// Random operations on several stores and on a plain model at once: all must answer alike.

import fc from 'fast-check';
import { expect } from 'vitest';
import type { Backend, ListOptions, Reader, Storage } from '../../src/storage/storage.ts';
import { within } from '../../src/storage/within.ts';
import { bytes, inByteOrder, text } from './storage-values.ts';

type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'list'; readonly prefix: string; readonly options: ListOptions }
  | { readonly kind: 'transact'; readonly inside: readonly Operation[]; readonly fails: boolean };

type Model = Map<string, string>;

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'ab', 'a0', 'a!', 'é', '\u{1F600}', '\uffff') },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 3 }).filter((text) => !/[/\0]/.test(text) && text.isWellFormed()) },
);
const key = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const prefix = fc.array(name, { maxLength: 2 }).map((names) => names.map((part) => `${part}/`).join(''));
const options = fc.record(
  {
    after: fc.oneof(
      name,
      key,
      name.map((part) => `${part}/`),
    ),
    limit: fc.integer({ min: 1, max: 4 }),
  },
  { requiredKeys: [] },
);
const simple: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value: fc.string({ maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('list' as const), prefix, options }) },
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: simple },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('transact' as const), inside: fc.array(simple, { maxLength: 8 }), fails: fc.boolean() }),
  },
);

/** Each run has a part of each store to itself. A failure prints its seed and path, to be passed as `replay`. */
export async function exerciseRandomly(
  stores: Readonly<Record<string, Backend>>,
  runs: number,
  replay: { readonly seed?: number; readonly path?: string } = {},
): Promise<void> {
  let run = 0;
  const property = fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 25 }), async (operations) => {
    run += 1;
    const part = `run-${run}/`;
    const expected = await answers(modelStore(), operations);
    for (const [store, backend] of Object.entries(stores))
      expect([store, ...(await answers(within(backend, part), operations))]).toEqual([store, ...expected]);
  });
  await fc.assert(property, { numRuns: runs, ...replay });
}

/** What each operation gave, and what was there in the end, and which keys the feed named. */
async function answers(store: Storage, operations: readonly Operation[]): Promise<unknown[]> {
  const start = await store.feed.head();
  const given: unknown[] = [];
  for (const wanted of operations) given.push(await perform(store, wanted));
  const changes = await store.feed.since(start);
  return [...given, await everything(store, ''), changes === 'overrun' ? changes : inByteOrder([...changes.keys.keys()])];
}

async function perform(store: Storage, wanted: Operation): Promise<unknown> {
  switch (wanted.kind) {
    case 'put':
      return store.put(wanted.key, bytes(wanted.value));
    case 'delete':
      return store.delete(wanted.key);
    case 'get':
    case 'list':
      return look(store, wanted);
    case 'transact': {
      const given: unknown[] = [];
      const done = store.transact(async (transaction) => {
        given.length = 0;
        for (const step of wanted.inside) {
          if (step.kind === 'put') transaction.put(step.key, bytes(step.value));
          else if (step.kind === 'delete') transaction.delete(step.key);
          else if (step.kind !== 'transact') given.push(await look(transaction, step));
        }
        if (wanted.fails) throw new Error('as wanted');
      });
      given.push(
        await done.then(
          () => 'done',
          (reason: Error) => reason.message,
        ),
      );
      return given;
    }
  }
}

async function look(reader: Reader, wanted: Extract<Operation, { kind: 'get' | 'list' }>): Promise<unknown> {
  return wanted.kind === 'get' ? text(await reader.get(wanted.key)) : reader.list(wanted.prefix, wanted.options);
}

async function everything(reader: Reader, below: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const child of await reader.list(below)) {
    if (child.endsWith('/')) found.push(...(await everything(reader, below + child)));
    else found.push([below + child, text(await reader.get(below + child))]);
  }
  return found;
}

/** Storage as plainly as it can be written: nothing is stored sorted, and a transaction is a copy of everything. */
function modelStore(): Storage {
  let entries: Model = new Map();
  const changed = new Set<string>();
  const reader = (from: () => Model): Reader => ({
    async get(wanted) {
      const value = from().get(wanted);
      return value === undefined ? undefined : bytes(value);
    },
    async list(below, { after, limit } = {}) {
      const names = new Set<string>();
      for (const stored of from().keys())
        if (stored.startsWith(below)) names.add(/^[^/]*\/?/.exec(stored.slice(below.length))?.[0] as string);
      const later = [...names].filter((child) => after === undefined || Buffer.compare(Buffer.from(child), Buffer.from(after)) > 0);
      return inByteOrder(later).slice(0, limit);
    },
  });
  const apply = (to: Model, from: Set<string>, wanted: string, value: Uint8Array | undefined): void => {
    from.add(wanted);
    if (value === undefined) to.delete(wanted);
    else to.set(wanted, text(value) as string);
  };
  return {
    ...reader(() => entries),
    // Versions are numbers of commits, which a model does not have.
    read: () => Promise.reject(new Error('the model has no versions')),
    put: async (wanted, value) => apply(entries, changed, wanted, value),
    delete: async (wanted) => apply(entries, changed, wanted, undefined),
    async transact(work) {
      const copy = new Map(entries);
      const touched = new Set<string>();
      const result = await work({
        ...reader(() => copy),
        put: (wanted, value) => apply(copy, touched, wanted, value),
        delete: (wanted) => apply(copy, touched, wanted, undefined),
        unchanged: async () => false,
        committed: () => {},
      });
      entries = copy;
      for (const wanted of touched) changed.add(wanted);
      return result;
    },
    feed: { head: () => 0, since: async () => ({ head: 0, keys: new Map([...changed].map((wanted) => [wanted, 0])) }) },
  };
}
