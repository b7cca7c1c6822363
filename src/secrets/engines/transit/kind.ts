// The engine type `transit`: one keyring per mount, and the handlers of all routes around it.

import { transit as contract } from '../../../api/transit.ts';
import { type EngineKind, engine, type Host } from '../../core/engine.ts';
import { backupHandlers } from './backup.ts';
import { createCipher } from './cipher.ts';
import { digestHandlers } from './digests.ts';
import { encryptionHandlers } from './encryption.ts';
import { exportHandlers } from './export.ts';
import { hmacHandlers } from './hmac.ts';
import { importHandlers } from './import.ts';
import { decodeEntry, encodeEntry } from './key-record.ts';
import { createKeyring } from './keyring.ts';
import { keyHandlers } from './keys.ts';
import { createNonces } from './nonces.ts';
import { createWorkingKeys } from './working-keys.ts';
import { createWrappingKey } from './wrapping-key.ts';

interface MountSettings {
  readonly disableUpsert: boolean;
}

const configKey = 'config';
const defaultSettings: MountSettings = { disableUpsert: false };

export const transit: EngineKind = {
  type: 'transit',
  table: 'secret',
  description: contract.description,
  open: (host) => openTransit(host),
};

function openTransit(host: Host) {
  const { storage, random, clock } = host;
  const keyring = createKeyring(host);
  const workingKeys = createWorkingKeys();
  const cipher = createCipher(workingKeys, createNonces(random));
  const settings = async () => (await host.cached(configKey, (bytes) => decodeEntry(bytes) as MountSettings)) ?? defaultSettings;

  return engine<typeof contract>({
    contract,
    handlers: {
      ...keyHandlers(keyring),
      configKeys: {
        read: async () => ({ data: { disable_upsert: (await settings()).disableUpsert } }),
        write: async ({ disable_upsert: disableUpsert = false }) => {
          await storage.put(configKey, encodeEntry({ disableUpsert } satisfies MountSettings));
          return { data: { disable_upsert: disableUpsert } };
        },
      },
      ...encryptionHandlers({ keyring, cipher, random, upsertAllowed: async () => !(await settings()).disableUpsert }),
      ...hmacHandlers(keyring),
      ...digestHandlers(random),
      ...exportHandlers(keyring),
      ...backupHandlers(keyring, clock),
      ...importHandlers({ keyring, wrappingKey: createWrappingKey(host), random, clock }),
    },
    close: async () => workingKeys.forget(),
  });
}
