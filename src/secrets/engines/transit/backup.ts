// Handlers of backup/ and restore/.

import type { transit } from '../../../api/transit.ts';
import type { Clock } from '../../../base/clock.ts';
import { Fault } from '../../../base/fault.ts';
import type { Handlers } from '../../core/engine.ts';
import { backupText, readBackup } from './backup-form.ts';
import { newestOf, type StoredKey } from './key-record.ts';
import type { Keyring } from './keyring.ts';

interface RestoreInput {
  readonly name?: string | undefined;
  readonly backup?: string | undefined;
  readonly force?: boolean | undefined;
}

export function backupHandlers(keyring: Keyring, clock: Clock): Pick<Handlers<typeof transit>, 'backup' | 'restore' | 'restoreAs'> {
  const restore = async ({ name = '', backup = '', force = false }: RestoreInput): Promise<undefined> => {
    if (backup === '') throw new Fault('invalid-request', "'backup' must be supplied");
    const key = readBackup(backup);
    const restored = { time: clock.now(), version: newestOf(key.versions) };
    await keyring.restore({ ...key, name: name === '' ? key.name : name, restored }, force);
  };
  return {
    backup: {
      async read({ name = '' }) {
        if ((await keyring.find(name)) === undefined) throw new Fault('engine-failed', `key ${JSON.stringify(name)} not found`);
        let text = '';
        await keyring.change(name, `key ${JSON.stringify(name)} not found`, (key) => {
          checkAllowed(key);
          const after = { ...key, backedUp: { time: clock.now(), version: newestOf(key.versions) } };
          text = backupText(after);
          return after;
        });
        return { data: { backup: text } };
      },
    },
    restore: { write: restore },
    restoreAs: { write: restore },
  };
}

function checkAllowed({ exportable, plaintextBackup }: StoredKey): void {
  if (!exportable) throw new Fault('engine-failed', 'exporting is disallowed on the policy');
  if (!plaintextBackup) throw new Fault('engine-failed', 'plaintext backup is disallowed on the policy');
}
