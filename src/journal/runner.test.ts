// A plan that is interrupted at every point ends as one that was not; an abort puts back what was there.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Fault } from '../base/fault.ts';
import { fileJournal } from './file-journal.ts';
import { type Journal, type JournalRecord, memoryJournal } from './journal.ts';
import type { Plan, Step } from './plan.ts';
import { abort, marksIn, type RunOptions, resume } from './runner.ts';

const signal = AbortSignal.timeout(60_000);

/** Every change of the world and every line of the journal is one tick; the process dies at the tick that was chosen. */
function deathAt(chosen: number) {
  let ticks = 0;
  return {
    tick() {
      ticks += 1;
      if (ticks === chosen) throw new Error('killed');
    },
    ticks: () => ticks,
  };
}

type World = Map<string, string>;

/** Writes its name over what another step may have left there; two ticks, so that it can be left half done. */
function settingStep(world: World, name: string, tick: () => void, more: Partial<Step> = {}): Step {
  const set = (first: string, second: string) => {
    tick();
    world.set(`${name}.1`, first);
    tick();
    world.set(`${name}.2`, second);
    tick();
  };
  return {
    name,
    title: `set ${name}`,
    done: async () => world.get(`${name}.1`) === 'new' && world.get(`${name}.2`) === 'new',
    run: async () => set('new', 'new'),
    undo: async () => set('old', 'old'),
    ...more,
  };
}

function planOver(world: World, tick: () => void, more: readonly Partial<Step>[] = []): Plan {
  const steps = ['one', 'two', 'three'].map((name, index) => settingStep(world, name, tick, more[index]));
  return { id: 'p1', title: 'a change', steps };
}

function optionsOver(journal: Journal, tick: () => void = () => undefined): RunOptions {
  const ticking: Journal = {
    read: journal.read,
    async write(record, until) {
      tick();
      await journal.write(record, until);
      tick();
    },
  };
  return { journal: ticking, kind: 'test', change: { keys: ['a'] }, now: () => 0, report: () => undefined };
}

const oldWorld = (): World => new Map(['one', 'two', 'three'].flatMap((name) => [1, 2].map((part) => [`${name}.${part}`, 'old'])));
const valuesOf = (world: World) => new Set(world.values());

describe('a plan', () => {
  test('killed at any point and taken up again ends as one that ran through', async () => {
    const whole = deathAt(0);
    const world = oldWorld();
    await resume(planOver(world, whole.tick), optionsOver(memoryJournal(), whole.tick), signal);
    expect(valuesOf(world)).toEqual(new Set(['new']));
    for (let at = 1; at <= whole.ticks(); at++) {
      const broken = oldWorld();
      const journal = memoryJournal();
      const death = deathAt(at);
      await expect(resume(planOver(broken, death.tick), optionsOver(journal, death.tick), signal)).rejects.toThrow('killed');
      await resume(
        planOver(broken, () => undefined),
        optionsOver(journal),
        signal,
      );
      expect(valuesOf(broken), `killed at ${at}`).toEqual(new Set(['new']));
      expect((await journal.read(signal))?.state).toBe('finished');
    }
  });

  test('aborted after being killed at any point, and killed again in the abort, leaves the world as it was', async () => {
    for (let at = 1; at <= 14; at++)
      for (let again = 0; again <= 10; again++) {
        const world = oldWorld();
        const journal = memoryJournal();
        const [death, second] = [deathAt(at), deathAt(again)];
        await resume(planOver(world, death.tick), optionsOver(journal, death.tick), signal).catch(() => undefined);
        await abort(planOver(world, second.tick), optionsOver(journal, second.tick), signal).catch(() => undefined);
        await abort(
          planOver(world, () => undefined),
          optionsOver(journal),
          signal,
        );
        expect(valuesOf(world), `killed at ${at} and ${again}`).toEqual(new Set(['old']));
        expect((await journal.read(signal))?.state).toBe('aborted');
      }
  });

  test('is not aborted once its point of no return was begun', async () => {
    const world = oldWorld();
    const journal = memoryJournal();
    const failing: Partial<Step> = {
      pointOfNoReturn: true,
      run: async () => {
        throw new Fault('unavailable', 'cp2 is away');
      },
    };
    await expect(
      resume(
        planOver(world, () => undefined, [{}, failing]),
        optionsOver(journal),
        signal,
      ),
    ).rejects.toThrow('cp2 is away');
    await expect(
      abort(
        planOver(world, () => undefined, [{}, failing]),
        optionsOver(journal),
        signal,
      ),
    ).rejects.toThrow('too late to abort');
    expect(world.get('one.1')).toBe('new');
    await resume(
      planOver(world, () => undefined),
      optionsOver(journal),
      signal,
    );
    expect(valuesOf(world)).toEqual(new Set(['new']));
  });

  test('is not aborted either when it had to do an earlier step anew after that', async () => {
    const world = oldWorld();
    const journal = memoryJournal();
    const steps = (third: Partial<Step>) => planOver(world, () => undefined, [{}, { pointOfNoReturn: true }, third]);
    const away: Partial<Step> = { run: () => Promise.reject(new Fault('unavailable', 'cp2 is away')) };
    await expect(resume(steps(away), optionsOver(journal), signal)).rejects.toThrow('cp2 is away');
    world.set('one.1', 'old');
    const killed: Partial<Step> = { run: () => Promise.reject(new Error('killed')) };
    const again = planOver(world, () => undefined, [killed, { pointOfNoReturn: true }]);
    await expect(resume(again, optionsOver(journal), signal)).rejects.toThrow('killed');
    expect((await journal.read(signal))?.step).toBe('one');
    await expect(abort(again, optionsOver(journal), signal)).rejects.toThrow('too late to abort');
  });

  test('is taken back as a whole by a copy of the journal that is older than what was done', async () => {
    const world = oldWorld();
    const journal = memoryJournal();
    const plan = planOver(world, () => undefined, [
      {},
      {},
      { pointOfNoReturn: true, run: () => Promise.reject(new Fault('unavailable', 'away')) },
    ]);
    await resume(plan, optionsOver(journal), signal).catch(() => undefined);
    expect(world.get('two.2')).toBe('new');
    const older = memoryJournal({ ...((await journal.read(signal)) as JournalRecord), step: 'one', forward: undefined });
    await abort(plan, optionsOver(older), signal);
    expect(valuesOf(world)).toEqual(new Set(['old']));
  });

  test('is not taken back when the journal stands at a step that it does not have', async () => {
    const world = oldWorld();
    const plan = planOver(world, () => undefined);
    const record: JournalRecord = { version: 1, id: plan.id, kind: 'test', state: 'running', change: {}, step: 'write/cp9', at: '' };
    const journal = memoryJournal(record);
    world.set('one.1', 'new');
    await expect(abort(plan, optionsOver(journal), signal)).rejects.toMatchObject({ code: 'usage' });
    expect(world.get('one.1')).toBe('new');
    expect((await journal.read(signal))?.state).toBe('running');
  });

  test('does not believe a step that says it ran when the world does not show it', async () => {
    const idle: Partial<Step> = { run: async () => undefined };
    const running = resume(
      planOver(oldWorld(), () => undefined, [idle]),
      optionsOver(memoryJournal()),
      signal,
    );
    await expect(running).rejects.toMatchObject({ code: 'conflict' });
  });

  test('gives a step its mark back, and no other step', async () => {
    const journal = memoryJournal();
    const options = optionsOver(journal);
    const world = oldWorld();
    const stopping: Partial<Step> = {
      async run() {
        await marksIn(options, 'p1', undefined).keep('two', { page: 7 }, signal);
        throw new Error('killed');
      },
    };
    await expect(
      resume(
        planOver(world, () => undefined, [{}, stopping]),
        options,
        signal,
      ),
    ).rejects.toThrow('killed');
    const marks = marksIn(options, 'p1', await journal.read(signal));
    expect(marks.of('two')).toEqual({ page: 7 });
    expect(marks.of('three')).toBeUndefined();
    expect(marksIn(options, 'p2', await journal.read(signal)).of('two')).toBeUndefined();
  });
});

describe('a journal in a file', () => {
  const folders: string[] = [];
  const record: JournalRecord = { version: 1, id: 'p1', kind: 'test', state: 'running', change: { a: 1 }, step: 'one', at: '2026-01-01' };
  const placeOf = () => {
    const folder = mkdtempSync(join(tmpdir(), 'casemate-journal-'));
    folders.push(folder);
    return { folder, path: join(folder, 'state', 'journal.json') };
  };
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  test('is for its owner alone, and gives back what was written', async () => {
    const { path } = placeOf();
    expect(await fileJournal(path).read(signal)).toBeUndefined();
    await fileJournal(path).write(record, signal);
    expect(await fileJournal(path).read(signal)).toEqual(record);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['journal.json']);
  });

  test('says where it is damaged without showing what stands in it', async () => {
    const { path } = placeOf();
    await fileJournal(path).write(record, signal);
    for (const text of ['', '{', '[]', '{"version":1}', 'aGVsbG8 secret']) {
      writeFileSync(path, text);
      const reading = fileJournal(path).read(signal);
      await expect(reading).rejects.toThrow(path);
      await expect(reading).rejects.not.toThrow('secret');
    }
  });

  test('of a newer version is refused, not misread', async () => {
    const { path } = placeOf();
    await fileJournal(path).write(record, signal);
    writeFileSync(path, JSON.stringify({ ...record, version: 2 }));
    await expect(fileJournal(path).read(signal)).rejects.toMatchObject({ code: 'usage' });
  });
});
