// The calls on tokens that Vault's clients send as POST; the method is part of the sentence when one is refused.

import type { Client } from '../../../client/client.ts';
import { parseSecret, type Secret } from '../../../client/secret.ts';

/** Undefined when the server had nothing to say. */
export async function posted(client: Client, path: string, body: Readonly<Record<string, unknown>>): Promise<Secret | undefined> {
  const answer = await client.raw('POST', path, { body });
  return parseSecret(answer.body.toString());
}
