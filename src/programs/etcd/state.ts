// The manager's own folder on this machine: one command at a time, the journal, the list of keys, the archive's key, snapshots.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { type FileLock, takeFileLock } from '../../base/file-lock.ts';
import { randomUuid } from '../../base/random.ts';
import { systemRandom } from '../../crypto/random.ts';
import { emptyRing, type KeyRing, ringOfText } from '../../etcd/manager/key-ring.ts';
import { textOfRing } from '../../etcd/manager/state-files.ts';
import { fileJournal, replaceFile } from '../../journal/file-journal.ts';
import type { Journal } from '../../journal/journal.ts';
import { openLocalRing } from '../../keys/backends/local-ring.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { createRing } from '../../keys/ring-file.ts';

export interface State {
  readonly folder: string;
  /** Names this folder among all managers of the cluster. */
  readonly holder: string;
  readonly journal: Journal;
  readonly snapshots: string;
  readRing(): Promise<KeyRing>;
  writeRing(ring: KeyRing): Promise<void>;
  /** Seals retired keys. */
  archive(): Promise<KeyBackend>;
  /** Where the archive's key lies: whoever has it and a list of keys opens old snapshots. */
  readonly archivePath: string;
  close(): void;
}

/** `reads` takes no lock. Throws Fault `usage` when another command works in the folder, or it cannot be made. */
export async function openState(folder: string, purpose: 'reads' | 'changes'): Promise<State> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  } catch (thrown) {
    throw new Fault(
      'usage',
      `the folder ${folder} cannot be made (${(thrown as NodeJS.ErrnoException).code}): name another one with -state=DIR, or run as root`,
      { cause: thrown },
    );
  }
  let lock: FileLock | undefined;
  if (purpose === 'changes') {
    lock = takeFileLock(join(folder, 'lock'));
    if (lock === undefined) throw new Fault('usage', `another casemate etcd is at work in ${folder}: wait until it has ended`);
  }
  const ringPath = join(folder, 'keys.json');
  const archivePath = join(folder, 'archive.ring');
  return {
    folder,
    holder: await holderOf(folder),
    journal: fileJournal(join(folder, 'journal.json')),
    snapshots: join(folder, 'snapshots'),
    readRing: async () => (existsSync(ringPath) ? ringOfText(readFileSync(ringPath, 'utf8'), ringPath) : emptyRing),
    writeRing: (ring) => replaceFile(ringPath, textOfRing(ring)),
    archivePath,
    async archive() {
      // Whoever holds this folder is alone: a lock on the ring is what a killed one has left.
      if (lock !== undefined) rmSync(`${archivePath}.lock`, { force: true });
      if (!existsSync(archivePath))
        await createRing(archivePath, { name: 'etcd-archive', cipher: 'aes-256-gcm' }, { random: systemRandom, clock: systemClock });
      return openLocalRing({ path: archivePath }, { random: systemRandom, environment: process.env });
    },
    close: () => lock?.release(),
  };
}

async function holderOf(folder: string): Promise<string> {
  const path = join(folder, 'manager');
  const there = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw new Fault('usage', `${path} cannot be read (${thrown.code}): it names this manager; run as its owner`, { cause: thrown });
  });
  if (there !== undefined && there.trim() !== '') return there.trim();
  const made = `casemate-${randomUuid(systemRandom)}`;
  await replaceFile(path, `${made}\n`);
  return made;
}
