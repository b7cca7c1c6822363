// Gives a share to an attempt that others take part in: under its nonce, and never on the command line unless one wants that.

import { isObject } from '../../../client/secret.ts';
import type { CommandContext } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { secretArgument } from '../../secret-argument.ts';

export type Body = Readonly<Record<string, unknown>>;

export interface AttemptPaths {
  /** Read for the state of the attempt. */
  readonly status: string;
  /** Written with a share. */
  readonly update: string;
  /** Whose share is asked for on the terminal. */
  readonly question: string;
  /** Said where nobody has begun. */
  readonly notBegun: string;
}

/** Asks the server itself: these paths exist in no namespace. Throws Ending. */
export async function asked(context: CommandContext, what: string, method: string, path: string, body?: Body): Promise<Body> {
  const answer = await context.calling(what, context.client().with({ namespace: undefined }).request(method, path, body));
  if (answer.body === undefined) return {};
  if (!isObject(answer.body)) throw new Ending(`${what}: the answer is no object`, 2);
  return answer.body;
}

/** Resolves to what the server made of the share. */
export async function giveShare(context: CommandContext, nonceFlag: string | undefined, paths: AttemptPaths): Promise<Body> {
  const [argument] = context.expect(0, 1);
  const given = await secretArgument(context, argument);
  if (given !== undefined && (nonceFlag ?? '') === '')
    throw new Ending('Missing nonce value: name the attempt that the share is for with -nonce');
  if (given !== undefined) return asked(context, 'Error posting unseal key', 'PUT', paths.update, { key: given, nonce: nonceFlag });
  const status = await asked(context, 'Error getting the state of the attempt', 'GET', paths.status);
  if (status['started'] !== true) throw new Ending(paths.notBegun);
  const nonce = String(nonceFlag ?? status['verification_nonce'] ?? status['nonce']);
  context.warn(`Operation nonce: ${nonce}`);
  const key = await context.ask(`${paths.question} (will be hidden):`, { hidden: true });
  if (key === '') throw new Ending('a share must be given');
  return asked(context, 'Error posting unseal key', 'PUT', paths.update, { key, nonce });
}
