// casemate transit import-version: a key that was made elsewhere, as the next version of an imported key.

import { command } from '../../command.ts';
import { sendWrapped } from './send-wrapped.ts';

export const importVersion = command({
  synopsis: 'Import the next version of an imported key',
  usage: '[options] PATH KEY [K=V...]',
  help: 'Fetches the wrapping key of the mount, wraps KEY with it on this machine, and makes it the newest version of the key at PATH, which is MOUNT/keys/NAME. That key must have been imported, and no version of it made by the server.\n\nKEY is the bytes of the key in base64: @FILE reads them from a file and - from stdin, so that they need not stand in the list of processes.\n\nThe exit code is 1 for wrong use and 3 for what the server refuses.',
  examples: {
    'Import the next version from a file': 'transit import-version transit/keys/payments @payments-2.b64',
    'Import what another program prints': 'transit import-version transit/keys/payments -',
  },
  output: { format: false },
  run: (context) => sendWrapped(context, 'import_version'),
});
