// Handlers of keys/: making, reading, changing and deleting keys.

import type { transit } from '../../../api/transit.ts';
import { Fault } from '../../../base/fault.ts';
import type { Answer, Handlers } from '../../core/engine.ts';
import { base64Bytes } from './base64.ts';
import type { Key } from './key-record.ts';
import { changeSettings, trimmed } from './key-settings.ts';
import { describeKey } from './key-view.ts';
import type { Keyring } from './keyring.ts';

export function keyHandlers(keyring: Keyring): Pick<Handlers<typeof transit>, 'keys' | 'key' | 'config' | 'rotate' | 'trim'> {
  return {
    keys: {
      list: async ({ after, limit = 0 }) => ({
        data: {
          keys: await keyring.names({ ...(after === undefined ? {} : { after }), ...(limit > 0 ? { limit } : {}) }),
        },
      }),
    },
    key: {
      async read({ name = '', context = '' }) {
        const key = await keyring.find(name);
        if (key === undefined) return undefined;
        if (base64Bytes(context) === undefined) throw new Fault('invalid-request', 'failed to base64-decode context');
        return shown(key);
      },
      async write({ name = '', type = 'aes256-gcm96', ...input }) {
        if ((input.key_size ?? 0) !== 0) throw new Fault('invalid-request', `key_size is not valid for algorithm ${type}`);
        return shown(
          await keyring.make(name, {
            type,
            derived: input.derived ?? false,
            convergent: input.convergent_encryption ?? false,
            exportable: input.exportable ?? false,
            plaintextBackup: input.allow_plaintext_backup ?? false,
            autoRotatePeriod: input.auto_rotate_period ?? 0,
          }),
        );
      },
      delete: async ({ name = '' }) => void (await keyring.remove(name)),
    },
    config: {
      async write({ name = '', ...input }) {
        const key = await keyring.change(name, `no existing key named ${name} could be found`, (before) => changeSettings(before, input));
        if (input.min_decryption_version !== 0) return shown(key);
        return {
          ...shown(key),
          warnings: ['since Vault 0.3 (prior to the OpenBao fork), transit key numbering starts at 1; forcing minimum to 1'],
        };
      },
    },
    rotate: { write: async ({ name = '' }) => shown(await keyring.rotate(name)) },
    trim: {
      write: async ({ name = '', min_available_version: wanted }) =>
        shown(await keyring.change(name, 'invalid key name', (before) => trimmed(before, wanted))),
    },
  };
}

function shown(key: Key): Answer {
  return { data: describeKey(key) };
}
