// Graphs of groups under random changes: never a circle, and every index says the same.

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/suites/seeded-random.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import { readEntity, removeEntity, writeEntity } from './entities.ts';
import { memberEntities, memberGroups, readGroup, removeGroup, setMemberEntities, setMemberGroups, writeGroup } from './groups.ts';
import type { EntityRecord, GroupRecord } from './records.ts';
import { createSubjects } from './subjects.ts';

const group = (id: string): GroupRecord => ({
  format: 1,
  id,
  name: id,
  type: 'internal',
  policies: [`policy-${id}`],
  metadata: null,
  parents: [],
  created: 0,
  updated: 0,
  modifyIndex: 1,
});
const entity = (id: string): EntityRecord => ({
  format: 1,
  id,
  name: id,
  metadata: null,
  policies: [],
  disabled: false,
  created: 0,
  updated: 0,
  merged: [],
  aliases: [],
  groups: [],
});

const groupIds = Array.from({ length: 7 }, (_, at) => `g${at}`);
const entityIds = Array.from({ length: 4 }, (_, at) => `e${at}`);

/** What is expected, kept as plainly as can be: who is a member of what. */
interface Model {
  readonly groups: Map<string, { entities: Set<string>; groups: Set<string> }>;
  readonly entities: Set<string>;
}

function below(model: Model, id: string, seen = new Set<string>()): Set<string> {
  for (const child of model.groups.get(id)?.groups ?? []) {
    if (seen.has(child)) continue;
    seen.add(child);
    below(model, child, seen);
  }
  return seen;
}

function closesCircle(model: Model, id: string, wanted: readonly string[]): boolean {
  const before = model.groups.get(id);
  if (before === undefined) return false;
  const trial: Model = { ...model, groups: new Map(model.groups).set(id, { ...before, groups: new Set(wanted) }) };
  return below(trial, id).has(id);
}

type Step = (transaction: Transaction) => Promise<void>;

/** One random change, in the store and in the model. */
async function change(storage: Storage, model: Model, random: () => number): Promise<void> {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  const some = (all: readonly string[]) => all.filter(() => random() < 0.35);
  const id = pick(groupIds);
  const known = model.groups.get(id);
  const run = (step: Step) => storage.transact(step);
  if (known === undefined) {
    await run(async (transaction) => writeGroup(transaction, undefined, group(id)));
    model.groups.set(id, { entities: new Set(), groups: new Set() });
    return;
  }
  const kind = random();
  if (kind < 0.1) {
    await run(async (transaction) => removeGroup(transaction, (await readGroup(transaction, id)) as GroupRecord));
    model.groups.delete(id);
    for (const others of model.groups.values()) others.groups.delete(id);
  } else if (kind < 0.2) {
    const member = pick(entityIds);
    if (model.entities.has(member)) {
      await run(async (transaction) => removeEntity(transaction, (await readEntity(transaction, member)) as EntityRecord));
      model.entities.delete(member);
      for (const others of model.groups.values()) others.entities.delete(member);
    } else {
      await run(async (transaction) => writeEntity(transaction, undefined, entity(member)));
      model.entities.add(member);
    }
  } else if (kind < 0.5) {
    const wanted = some([...model.entities]);
    await run((transaction) => setMemberEntities(transaction, id, wanted));
    known.entities = new Set(wanted);
  } else {
    const wanted = some([...model.groups.keys()]);
    const attempt = run((transaction) => setMemberGroups(transaction, id, wanted));
    if (closesCircle(model, id, wanted)) await expect(attempt).rejects.toThrow(/cyclic relationship|same as the ID/);
    else {
      await attempt;
      known.groups = new Set(wanted);
    }
  }
}

async function compare(storage: Storage, model: Model): Promise<void> {
  const subjects = createSubjects(async (key, decode) => {
    const stored = await storage.get(key);
    return stored === undefined ? undefined : decode(stored);
  });
  for (const id of groupIds) {
    const known = model.groups.get(id);
    expect(await memberGroups(storage, id)).toEqual([...(known?.groups ?? [])].sort());
    expect(await memberEntities(storage, id)).toEqual([...(known?.entities ?? [])].sort());
    const parents = [...model.groups].flatMap(([other, { groups }]) => (groups.has(id) ? [other] : []));
    expect([...((await readGroup(storage, id))?.parents ?? [])].sort()).toEqual(known === undefined ? [] : parents.sort());
    expect(below(model, id).has(id)).toBe(false);
  }
  for (const id of entityIds) {
    const wanted = [...model.groups].flatMap(([other, { entities }]) =>
      entities.has(id) || [...below(model, other)].some((inner) => model.groups.get(inner)?.entities.has(id) === true)
        ? [`policy-${other}`]
        : [],
    );
    const subject = await subjects.of(id);
    expect(subject === undefined).toBe(!model.entities.has(id));
    expect([...(subject?.policies ?? [])].sort()).toEqual(wanted.sort());
  }
}

describe('groups', () => {
  it.each([1, 2, 3, 4, 5, 6])('hold together under random changes (seed %i)', async (seed) => {
    const storage = openMemory();
    const model: Model = { groups: new Map(), entities: new Set() };
    const random = seededRandom(seed);
    for (let step = 0; step < 120; step++) {
      await change(storage, model, random);
      if (step % 4 === 0) await compare(storage, model);
    }
    await compare(storage, model);
    // Nothing is left behind when all of it goes.
    await storage.transact(async (transaction) => {
      for (const id of groupIds) {
        const found = await readGroup(transaction, id);
        if (found !== undefined) await removeGroup(transaction, found);
      }
      for (const id of entityIds) {
        const found = await readEntity(transaction, id);
        if (found !== undefined) removeEntity(transaction, found);
      }
    });
    expect(await storage.list('')).toEqual([]);
  });

  it('refuse two members that close a circle only together with what is written beside them', async () => {
    const storage = openMemory();
    await storage.transact(async (transaction) => {
      for (const id of ['a', 'b', 'c']) writeGroup(transaction, undefined, group(id));
      await setMemberGroups(transaction, 'a', ['b']);
      await setMemberGroups(transaction, 'b', ['c']);
      await expect(setMemberGroups(transaction, 'c', ['a'])).rejects.toThrow('cyclic relationship detected for member group ID "a"');
    });
  });
});
