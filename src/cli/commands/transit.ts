// casemate transit: keys that were made elsewhere, brought into transit.

import type { Group } from '../command.ts';
import { importKey } from './transit/import.ts';
import { importVersion } from './transit/import-version.ts';

export const transit: Group = {
  synopsis: 'Import keys into transit',
  help: 'Transit encrypts with keys that stay in the server. A key that was made elsewhere is wrapped on this machine, so that only the server can unwrap it, and sent there.',
  examples: {
    'Import a key from a file': 'transit import transit/keys/payments @payments.b64 type=aes256-gcm96',
    'Import its next version': 'transit import-version transit/keys/payments @payments-2.b64',
  },
  commands: { import: importKey, 'import-version': importVersion },
};
