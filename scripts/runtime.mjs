// Finds the Node that Casemate runs on: the locked package first, else the running one when it is new enough.
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const NEEDED_MAJOR = 26;

/**
 * The path of a Node >= 26, or undefined when there is none.
 * `root` is the repository; `current` describes the running process (taken apart for tests).
 */
export function findNode(root, current = process) {
  const locked = join(root, 'node_modules', `node-${current.platform}-${current.arch}`, 'bin', 'node');
  if (existsSync(locked)) return locked;
  return Number(current.version.slice(1).split('.')[0]) >= NEEDED_MAJOR ? current.execPath : undefined;
}

/** The sentence for a machine on which no suitable Node was found. */
export function missingNode(current = process) {
  return (
    `Casemate needs Node ${NEEDED_MAJOR} or newer: there is no locked one for ${current.platform}-${current.arch} in node_modules, ` +
    `and this is ${current.version}. Run "npm ci" on Linux (x64, arm64), or install Node ${NEEDED_MAJOR}.`
  );
}

/** A folder for compiled code, which makes every start after the first quicker; undefined in a read-only checkout. */
export function compileCache(root) {
  const folder = join(root, 'node_modules', '.cache', 'casemate', 'compiled');
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return undefined;
  }
}
