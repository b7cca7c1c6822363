// Installing what the lock file names: when it is needed, that one process does it at a time, and what people are told.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureInstalled, isInstalled, matchesLock, reasonOf, Stop, stampOf, withLock } from '../../scripts/install.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'casemate-install-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Packages = Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>;

function lockFile(packages: Packages): void {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}

/** What npm leaves behind. */
function noted(packages: Packages): void {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
}

const wanted = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } };
const stamp = () => join(root, 'node_modules', '.casemate-installed');
const lock = () => join(root, '.installing');

/** A process id that belonged to a process which has ended. */
const endedProcess = () => spawnSync('true').pid;

describe('what is installed', () => {
  it('is all of the lock file, in its versions', () => {
    lockFile(wanted);
    expect(matchesLock(root)).toBe(false);
    noted({ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0' } });
    expect(matchesLock(root)).toBe(true);
    noted({ 'node_modules/a': { version: '1.0.1' }, 'node_modules/b': { version: '2.0.0' } });
    expect(matchesLock(root)).toBe(false);
    noted({ 'node_modules/b': { version: '2.0.0' } });
    expect(matchesLock(root)).toBe(false);
  });

  it('may lack the optional packages of other platforms', () => {
    lockFile(wanted);
    noted({ 'node_modules/a': { version: '1.0.0' } });
    expect(matchesLock(root)).toBe(true);
  });

  it('is nothing where the notes are broken', () => {
    lockFile(wanted);
    mkdirSync(join(root, 'node_modules'));
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), '{');
    expect(matchesLock(root)).toBe(false);
  });

  it('is remembered by a stamp, until the lock file changes', () => {
    lockFile(wanted);
    noted(wanted);
    expect(isInstalled(root)).toBe(true);
    expect(readFileSync(stamp(), 'utf8')).toBe(stampOf(root));
    rmSync(join(root, 'node_modules', '.package-lock.json'));
    expect(isInstalled(root)).toBe(true);
    lockFile({ ...wanted, 'node_modules/c': { version: '3.0.0' } });
    expect(isInstalled(root)).toBe(false);
  });
});

describe('an install', () => {
  it('happens once, is announced, and not again', async () => {
    lockFile(wanted);
    const said: string[] = [];
    let installs = 0;
    const install = () => {
      installs += 1;
      noted(wanted);
    };
    await ensureInstalled(root, { install, say: (sentence) => said.push(sentence) });
    await ensureInstalled(root, { install, say: (sentence) => said.push(sentence) });
    expect(installs).toBe(1);
    expect(said).toStrictEqual(['Installing the locked packages (npm ci); this is needed once.']);
    expect(existsSync(lock())).toBe(false);
  });

  it('is not repeated by those who waited for it', async () => {
    lockFile(wanted);
    let installs = 0;
    const install = () => {
      installs += 1;
      noted(wanted);
    };
    const waiters: Promise<void>[] = [];
    await withLock(root, async () => {
      for (let count = 0; count < 3; count++) waiters.push(ensureInstalled(root, { install, say: () => {} }));
      await sleep(20);
      noted(wanted);
    });
    await Promise.all(waiters);
    expect(installs).toBe(0);
  });

  it('that fails leaves no lock and no stamp, and is tried again', async () => {
    lockFile(wanted);
    const failing = () => {
      throw new Stop('no network');
    };
    await expect(ensureInstalled(root, { install: failing, say: () => {} })).rejects.toThrow('no network');
    expect(existsSync(lock())).toBe(false);
    expect(existsSync(stamp())).toBe(false);
    await ensureInstalled(root, { install: () => noted(wanted), say: () => {} });
    expect(isInstalled(root)).toBe(true);
  });
});

describe('the lock', () => {
  it('keeps everybody else out while the work lasts', async () => {
    const order: string[] = [];
    const slow = withLock(root, async () => {
      order.push('one begins');
      await sleep(50);
      order.push('one ends');
    });
    const next = withLock(root, () => order.push('two'));
    await Promise.all([slow, next]);
    expect(order).toStrictEqual(['one begins', 'one ends', 'two']);
  });

  it('gives back what the work gave, and is let go when it throws', async () => {
    expect(await withLock(root, () => 7)).toBe(7);
    await expect(
      withLock(root, () => {
        throw new Error('work failed');
      }),
    ).rejects.toThrow('work failed');
    expect(existsSync(lock())).toBe(false);
  });

  it('of a process that has ended is broken', async () => {
    mkdirSync(lock());
    writeFileSync(join(lock(), 'owner'), `${hostname()} ${endedProcess()}`);
    expect(await withLock(root, () => 'mine', 1000)).toBe('mine');
  });

  it.each([
    ['a living process', () => `${hostname()} ${process.pid}`, 0],
    ['a process that nobody can see', () => `${hostname()} 1`, 0],
    ['another machine', () => 'elsewhere 4711', 0],
    ['somebody who has not signed it yet', () => undefined, 0],
  ])('of %s is waited for, and then people are told what to do', async (_who, owner, age) => {
    mkdirSync(lock());
    const signature = owner();
    if (signature !== undefined) writeFileSync(join(lock(), 'owner'), signature);
    utimesSync(lock(), new Date(Date.now() - age), new Date(Date.now() - age));
    const waiting = withLock(root, () => 'mine', 20);
    await expect(waiting).rejects.toThrow(Stop);
    await expect(waiting).rejects.toThrow(`Another install is still at work; if none is, remove the folder ${lock()} and try again.`);
    expect(existsSync(lock())).toBe(true);
  });

  it.each([
    ['another machine', 'elsewhere 4711'],
    ['nobody', undefined],
  ])('of %s is broken when it is older than any install takes', async (_who, signature) => {
    mkdirSync(lock());
    if (signature !== undefined) writeFileSync(join(lock(), 'owner'), signature);
    const old = new Date(Date.now() - 20 * 60_000);
    utimesSync(lock(), old, old);
    expect(await withLock(root, () => 'mine', 20)).toBe('mine');
  });

  it('that cannot be made is told in one sentence', async () => {
    const missing = join(root, 'missing');
    await expect(withLock(missing, () => 0)).rejects.toThrow(
      `The packages cannot be installed: ${join(missing, '.installing')} cannot be made (ENOENT).`,
    );
  });
});

describe("npm's reason", () => {
  it.each([
    ['npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error network request failed\n', 'network request failed'],
    ['npm ERR! code E401\nnpm ERR! Incorrect or missing password.\n', 'Incorrect or missing password.'],
    ['npm error errno 28\nnpm error no space left\nnpm error A complete log of this run can be found in: x', 'no space left'],
    ['\n\n', 'npm gave no reason'],
    ['', 'npm gave no reason'],
  ])('is the line that says most: %j', (output, reason) => expect(reasonOf(output)).toBe(reason));
});
