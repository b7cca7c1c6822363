// Installs the locked packages when they are missing or others than the lock file names.

import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

const STAMP = ['node_modules', '.casemate-installed'];
const LOCK = '.installing';
const PATIENCE_MS = 5 * 60_000;
const STALE_MS = 15 * 60_000;

/** A reason to stop that is told to the user in one sentence, without a stack. */
export class Stop extends Error {}

/** The hash that names one state of the lock file on one kind of machine. */
export function stampOf(root) {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return createHash('sha256').update(`${process.platform}-${process.arch}\n`).update(lock).digest('hex');
}

function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** True when what npm noted in node_modules is what the lock file asks for; optional packages of other platforms may be absent. */
export function matchesLock(root) {
  const noted = textOf(join(root, 'node_modules', '.package-lock.json'));
  if (noted === undefined) return false;
  try {
    const have = JSON.parse(noted).packages;
    const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    return Object.entries(want).every(([path, entry]) => path === '' || entry.optional || have[path]?.version === entry.version);
  } catch {
    return false;
  }
}

/** True when nothing is left to install. Leaves a stamp, so that the next call is one hash and one comparison. */
export function isInstalled(root) {
  const stamp = stampOf(root);
  if (textOf(join(root, ...STAMP)) === stamp) return true;
  if (!matchesLock(root)) return false;
  writeStamp(root, stamp);
  return true;
}

function writeStamp(root, stamp) {
  try {
    writeFileSync(join(root, ...STAMP), stamp);
  } catch {
    // A read-only checkout works without the stamp, a little slower.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** True when whoever holds the lock folder is gone: its process has ended, or it is older than any install takes. */
function isAbandoned(folder, now) {
  const [host, pid] = (textOf(join(folder, 'owner')) ?? '').split(' ');
  if (host === hostname() && pid !== undefined) return !isAlive(Number(pid));
  try {
    return now - statSync(folder).mtimeMs > STALE_MS;
  } catch {
    return false;
  }
}

function tryLock(folder) {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new Stop(`The packages cannot be installed: ${folder} cannot be made (${error.code}).`);
  }
  writeFileSync(join(folder, 'owner'), `${hostname()} ${process.pid}`);
  return true;
}

/** Moves an abandoned lock aside in one step, so that of two waiters only one takes it away. */
function breakLock(folder) {
  const aside = `${folder}-${randomUUID()}`;
  try {
    renameSync(folder, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch {
    // Another waiter was quicker.
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs `work` while no other process installs in the same folder. Waits at most `patience` milliseconds; throws Stop after that.
 */
export async function withLock(root, work, patience = PATIENCE_MS) {
  const folder = join(root, LOCK);
  const until = Date.now() + patience;
  while (!tryLock(folder)) {
    if (isAbandoned(folder, Date.now())) breakLock(folder);
    else if (Date.now() >= until)
      throw new Stop(`Another install is still at work; if none is, remove the folder ${folder} and try again.`);
    else await pause(200);
  }
  try {
    return await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The line of npm's own words that says most about why it failed. */
export function reasonOf(output) {
  const lines = output
    .split('\n')
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim())
    .filter((line) => line !== '' && !/^(code|errno|syscall|A complete log)/.test(line));
  return lines[0] ?? 'npm gave no reason';
}

function npmCi(root) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const run = spawnSync(command, [...first, 'ci', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (run.error) throw new Stop(`The packages could not be installed, since npm does not start: ${run.error.message}.`);
  if (run.status !== 0) {
    throw new Stop(
      `The packages could not be installed (${reasonOf(run.stderr)}); check the network and the npm registry, then try again.`,
    );
  }
}

/** Installs what is missing. `install` does the work; `say` tells the user what is going on. */
export async function ensureInstalled(root, { install = npmCi, say = console.error } = {}) {
  if (isInstalled(root)) return;
  await withLock(root, () => {
    if (isInstalled(root)) return;
    say('Installing the locked packages (npm ci); this is needed once.');
    install(root);
    writeStamp(root, stampOf(root));
  });
}
