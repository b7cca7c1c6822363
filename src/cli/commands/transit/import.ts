// casemate transit import: a key that was made elsewhere, as a new key of transit.

import { command } from '../../command.ts';
import { sendWrapped } from './send-wrapped.ts';

export const importKey = command({
  synopsis: 'Import a key that was made elsewhere',
  usage: '[options] PATH KEY [K=V...]',
  help: 'Fetches the wrapping key of the mount, wraps KEY with it on this machine, and makes a key of it at PATH, which is MOUNT/keys/NAME. There must be no key of that name.\n\nKEY is the bytes of the key in base64: @FILE reads them from a file and - from stdin, so that they need not stand in the list of processes. K=V are the parameters of keys/NAME/import: type (aes256-gcm96 when left out), allow_rotation, exportable, allow_plaintext_backup, derived, auto_rotate_period, hash_function. Where the key lies in an HSM that knows CKM_RSA_AES_KEY_WRAP, let that wrap it instead.\n\nThe exit code is 1 for wrong use and 3 for what the server refuses.',
  examples: {
    'Import a key from a file': 'transit import transit/keys/payments @payments.b64',
    'Import what another program prints': 'transit import transit/keys/payments - type=aes128-gcm96',
    'Let the server make later versions': 'transit import transit/keys/payments @payments.b64 allow_rotation=true',
  },
  output: { format: false },
  run: (context) => sendWrapped(context, 'import'),
});
