// Wraps a key on this machine and sends it to the server: what import and import-version share.

import { Fault } from '../../../base/fault.ts';
import { oaepHash, rsaKeyFromPem, wrapForTransport } from '../../../crypto/key-wrap.ts';
import { systemRandom } from '../../../crypto/random.ts';
import { wipe } from '../../../crypto/wipe.ts';
import { apiPath, type CommandContext } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { keyMaterial } from './key-material.ts';

/** Runs the command; resolves to its exit code. Throws Ending: 1 for wrong use, 3 for what the server refuses. */
export async function sendWrapped(context: CommandContext, route: 'import' | 'import_version'): Promise<number> {
  const [path, argument, ...words] = context.expect(2, Number.POSITIVE_INFINITY) as readonly [string, string, ...string[]];
  const { mount, name } = placeOf(path);
  const material = await keyMaterial(context, argument);
  try {
    const data = await context.keyValues(words);
    context.success('Retrieving wrapping key.');
    const wrappingKey = await fetchWrappingKey(context, mount);
    context.success('Wrapping source key with wrapping key.');
    const ciphertext = wrapped(wrappingKey, material, data['hash_function']);
    context.success('Submitting wrapped key.');
    const sent = context.client().write(`${mount}/keys/${name}/${route}`, { ...data, ciphertext });
    const secret = await context.calling('failed to call import', sent, 3);
    if (secret !== undefined) context.showWarnings(secret);
    context.success('Success!');
    return 0;
  } finally {
    wipe(material);
  }
}

function placeOf(argument: string): { readonly mount: string; readonly name: string } {
  const [, mount, name] = /^(.+)\/keys\/([^/]+)$/.exec(apiPath(argument)) ?? [];
  if (mount === undefined || name === undefined) throw new Ending('expected transit path and key name in the form MOUNT/keys/NAME');
  return { mount, name };
}

/** PEM. */
async function fetchWrappingKey(context: CommandContext, mount: string): Promise<string> {
  const what = 'failed to fetch wrapping key';
  const secret = await context.calling(what, context.client().read(`${mount}/wrapping_key`), 3);
  const pem = secret?.data?.['public_key'];
  if (typeof pem !== 'string') throw new Ending(`${what}: no transit mount at ${mount}`, 3);
  return pem;
}

/** Base64. */
function wrapped(pem: string, material: Uint8Array, hash: unknown): string {
  try {
    return wrapForTransport(rsaKeyFromPem(pem), material, oaepHash(String(hash ?? 'SHA256')), systemRandom).toString('base64');
  } catch (thrown) {
    throw thrown instanceof Fault ? new Ending(`failure wrapping source key: ${thrown.message}`, 2, { cause: thrown }) : thrown;
  }
}
