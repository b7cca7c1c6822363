// The token of a transit backend: from a file that somebody renews, or from an AppRole login; renewed in time, and got anew when it was refused.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { ResponseFault } from '../../client/response-fault.ts';
import type { SecretAuth } from '../../client/secret.ts';
import type { TransitAuth } from '../description.ts';
import { type Environment, readSecret } from '../secret-source.ts';

export interface TokenKeeper {
  /** Usable as far as is known. Throws as the calls of the client do, and Fault `usage` for a file that cannot be read. */
  token(signal: AbortSignal): Promise<string>;
  /** The server turned this one away: resolves to whether there is another one now, so that the call is worth another try. */
  refused(token: string, signal: AbortSignal): Promise<boolean>;
}

export interface TokenParts {
  /** Without a token. */
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  readonly environment: Environment;
  readonly disableRenewal: boolean;
}

interface Held {
  readonly token: string;
  /** Monotonic ms at which it is renewed, or looked at again; Infinity where it never ends. */
  readonly due: number;
  /** Monotonic ms of its end. */
  readonly end: number;
}

/** A token is renewed when this part of its life is over. */
const renewAt = 0.5;

/** What could not be renewed is tried again after this many ms, not at each call. */
const retryAfter = 10_000;

/** Milliseconds. */
const longestLogin = 15_000;

export function keepToken(auth: TransitAuth, { client, clock, log, environment, disableRenewal }: TokenParts): TokenKeeper {
  let held: Held | undefined;
  let getting: Promise<string> | undefined;

  const heldFor = (token: string, seconds: number): Held => {
    const now = clock.monotonic();
    return seconds <= 0
      ? { token, due: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }
      : { token, due: now + seconds * 1000 * renewAt, end: now + seconds * 1000 };
  };
  const login = async (signal: AbortSignal): Promise<Held> => {
    if (auth.kind === 'token') throw new Fault('internal', 'a token is no login');
    const body = {
      role_id: readSecret(auth.roleId, environment, 'the role id'),
      ...(auth.secretId === undefined ? {} : { secret_id: readSecret(auth.secretId, environment, 'the secret id') }),
    };
    const answer = await client
      .with({ signal })
      .write(`auth/${auth.mount ?? 'approle'}/login`, body)
      .catch(refusedLogin);
    const { client_token: token, lease_duration: seconds } = authOf(answer?.auth);
    return heldFor(token, seconds);
  };
  /** A token of a file tells nothing of its life: the server does. */
  const look = async (token: string, signal: AbortSignal): Promise<Held> => {
    if (disableRenewal) return heldFor(token, 0);
    const answer = await client.with({ token, signal }).read('auth/token/lookup-self').catch(lookedInVain);
    const ttl = answer?.data?.['ttl'];
    const renewable = answer?.data?.['renewable'] === true;
    return heldFor(token, renewable && typeof ttl === 'number' ? ttl : 0);
  };
  const fresh = async (signal: AbortSignal): Promise<Held> =>
    auth.kind === 'token' ? look(readSecret(auth.token, environment, 'the token'), signal) : login(signal);
  const renewed = async (known: Held, signal: AbortSignal): Promise<Held> => {
    if (auth.kind === 'token') {
      // Whoever writes the file may have put a younger one there.
      const written = readSecret(auth.token, environment, 'the token');
      if (written !== known.token) return look(written, signal);
    }
    if (disableRenewal && auth.kind === 'approle') return login(signal);
    try {
      const answer = await client.with({ token: known.token, signal }).write('auth/token/renew-self', {});
      const { lease_duration: seconds } = authOf(answer?.auth);
      const left = heldFor(known.token, seconds);
      // At its longest life the server renews for less and less: a login gives a whole one.
      if (auth.kind === 'approle' && left.end <= known.end + 1000) return await login(signal);
      return left;
    } catch (thrown) {
      if (auth.kind === 'approle' && thrown instanceof ResponseFault) return login(signal);
      throw thrown;
    }
  };
  const get = async (signal: AbortSignal): Promise<string> => {
    const known = held;
    if (known === undefined) {
      held = await fresh(signal);
      return held.token;
    }
    try {
      held = await renewed(known, signal);
    } catch (error) {
      const now = clock.monotonic();
      if (now >= known.end) {
        held = undefined;
        throw error;
      }
      log.warn('the token for the transit engine could not be renewed; it is used on', {
        error,
        secondsLeft: Math.round((known.end - now) / 1000),
      });
      held = { ...known, due: Math.min(now + retryAfter, known.end) };
    }
    return held.token;
  };
  /** Calls that come while a token is got wait for that one, and none takes it from the others by leaving. */
  const once = (signal: AbortSignal): Promise<string> => {
    getting ??= get(AbortSignal.timeout(longestLogin)).finally(() => {
      getting = undefined;
    });
    return Promise.race([getting, leaving(signal)]);
  };
  return {
    async token(signal) {
      return held !== undefined && clock.monotonic() < held.due ? held.token : once(signal);
    },
    async refused(token, signal) {
      if (held?.token === token) held = undefined;
      return (await once(signal)) !== token;
    },
  };
}

function leaving(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(new Fault('timeout', 'interrupted while waiting for a token', { cause: signal.reason }));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
}

function authOf(auth: SecretAuth | undefined): SecretAuth {
  if (auth === undefined || auth.client_token === '') throw new Fault('unavailable', 'the server answered a login without a token');
  return auth;
}

/** A secret id that has run out is no reason to look for damage in the data. */
function refusedLogin(thrown: unknown): never {
  if (thrown instanceof ResponseFault && thrown.status === 400)
    throw new Fault('permission-denied', `the AppRole login was refused: ${thrown.errors.join('; ')}`, { cause: thrown });
  throw thrown;
}

/** A policy may forbid the look: then the token is used until it is refused. */
function lookedInVain(thrown: unknown): undefined {
  if (thrown instanceof ResponseFault && thrown.status === 403) return undefined;
  throw thrown;
}
