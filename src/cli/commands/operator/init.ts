// casemate operator init: makes the root key of a new server, and prints its shares and the first token.

import { isObject } from '../../../client/secret.ts';
import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, integer, text } from '../../flags.ts';
import { wrapped } from '../../output/wrap.ts';
import { pgpKeys } from './pgp-keys.ts';

const usualShares = 5;
const usualThreshold = 3;

const flags = {
  status: bool('Print whether the server is initialised, and change nothing.'),
  'key-shares': integer(`How many shares to split the root key into; ${usualShares} when left out.`, { aliases: ['n'] }),
  'key-threshold': integer(`How many shares unseal, at most -key-shares; ${usualThreshold} when left out.`, { aliases: ['t'] }),
  'pgp-keys': text('Files with public PGP keys, commas between them, one for each share to be encrypted with. Casemate refuses this.'),
  'root-token-pgp-key': text('File with a public PGP key for the first token to be encrypted with. Casemate refuses this.'),
  'recovery-shares': integer(
    `How many recovery shares to make, for a server that is unsealed by a key outside of it; ${usualShares} when left out.`,
  ),
  'recovery-threshold': integer(`How many recovery shares are enough; ${usualThreshold} when left out.`),
  'recovery-pgp-keys': text('As -pgp-keys, for the recovery shares.'),
} as const;

export const init = command({
  synopsis: 'Initialise a server',
  usage: '[options]',
  help: `Initialises a new server: makes its root key, splits it into shares, and prints the shares and the first token, which may do everything. They are printed once and stored nowhere. Give each share to another person. A token is not needed.

A server that is unsealed by a key outside of it has no shares of the root key; it may be given recovery shares instead.

With -status the exit code is 0 when the server is initialised, 2 when it is not, and 1 when it cannot be asked.`,
  examples: {
    'Make five shares, of which three unseal': 'operator init',
    'Make one share, for a test': 'operator init -key-shares=1 -key-threshold=1',
    'Let a script ask whether that was done': 'operator init -status',
  },
  flags,
  // 2 says that the server is not initialised.
  failsWith: 1,
  async run(context) {
    context.expect(0);
    const given = context.flags;
    if (given.status) return showInitialised(context);
    const rootKeys = pgpKeys('root-token-pgp-key', given['root-token-pgp-key']);
    if (rootKeys.length > 1) throw new Ending('-root-token-pgp-key: one file can be given');
    const pgp = {
      pgp_keys: pgpKeys('pgp-keys', given['pgp-keys']),
      recovery_pgp_keys: pgpKeys('recovery-pgp-keys', given['recovery-pgp-keys']),
      root_token_pgp_key: rootKeys[0] ?? '',
    };
    const wanted = await wantedShares(context);
    const asked = context.client().request('PUT', 'sys/init', { ...wanted, ...pgp });
    const { body } = await context.calling('Error initializing', asked, 2);
    if (!isObject(body)) throw new Ending('Error initializing: the answer is no object', 2);
    const made = madeOf(body);
    return context.show(structOf(wanted, made), () => showMade(context, wanted, made));
  },
});

async function showInitialised(context: CommandContext): Promise<number> {
  const { body } = await context.calling('Error checking init status', context.client().request('GET', 'sys/init'));
  if (!isObject(body)) throw new Ending('Error checking init status: the answer is no object');
  const initialised = body['initialized'] === true;
  // A member without a name of its own for JSON, as in Go.
  context.show({ Initialized: initialised }, () => context.say(`${context.product} is ${initialised ? '' : 'not '}initialized`));
  return initialised ? 0 : 2;
}

interface Wanted {
  readonly secret_shares: number;
  readonly secret_threshold: number;
  readonly recovery_shares: number;
  readonly recovery_threshold: number;
}

/** What the flags ask for; what they leave out depends on how the server is unsealed. */
async function wantedShares(context: CommandContext<typeof flags>): Promise<Wanted> {
  const given = context.flags;
  // It is sys/init that -output-curl-string is to print.
  const quiet = context.client().with({ before: undefined });
  const { body } = await context.calling('Error checking seal status', quiet.request('GET', 'sys/seal-status'), 2);
  if (isObject(body) && body['recovery_seal'] === true)
    return {
      secret_shares: given['key-shares'] ?? 0,
      secret_threshold: given['key-threshold'] ?? 0,
      recovery_shares: given['recovery-shares'] ?? usualShares,
      recovery_threshold: given['recovery-threshold'] ?? usualThreshold,
    };
  if (given['recovery-shares'] !== undefined || given['recovery-threshold'] !== undefined)
    context.warn(`${wrapped('WARNING! This server is unsealed with shares of its root key: it gets no recovery shares.')}\n`);
  return {
    secret_shares: given['key-shares'] ?? usualShares,
    secret_threshold: given['key-threshold'] ?? usualThreshold,
    recovery_shares: 0,
    recovery_threshold: 0,
  };
}

interface Made {
  readonly hex: readonly string[];
  readonly base64: readonly string[];
  readonly recoveryHex: readonly string[];
  readonly recoveryBase64: readonly string[];
  readonly rootToken: string;
}

function madeOf(body: Readonly<Record<string, unknown>>): Made {
  const list = (name: string) => (Array.isArray(body[name]) ? body[name].map(String) : []);
  return {
    hex: list('keys'),
    base64: list('keys_base64'),
    recoveryHex: list('recovery_keys'),
    recoveryBase64: list('recovery_keys_base64'),
    rootToken: String(body['root_token'] ?? ''),
  };
}

/** In the order of Go's struct. Without shares one is told of, as old scripts expect. */
function structOf(wanted: Wanted, made: Made): ReadonlyMap<string, unknown> {
  const kept = made.hex.length === 0;
  return new Map<string, unknown>([
    ['unseal_keys_b64', made.base64],
    ['unseal_keys_hex', made.hex],
    ['unseal_shares', kept ? 1 : wanted.secret_shares],
    ['unseal_threshold', kept ? 1 : wanted.secret_threshold],
    ['recovery_keys_b64', made.recoveryBase64],
    ['recovery_keys_hex', made.recoveryHex],
    ['recovery_keys_shares', wanted.recovery_shares],
    ['recovery_keys_threshold', wanted.recovery_threshold],
    ['root_token', made.rootToken],
  ]);
}

function showMade(context: CommandContext, wanted: Wanted, made: Made): void {
  for (const [at, share] of made.base64.entries()) context.say(`Unseal Key ${at + 1}: ${share}`);
  for (const [at, share] of made.recoveryBase64.entries()) context.say(`Recovery Key ${at + 1}: ${share}`);
  context.say(`\nInitial Root Token: ${made.rootToken}`);
  for (const paragraph of advice(context, wanted, made)) context.say(`\n${wrapped(paragraph)}`);
}

function advice({ product, io }: CommandContext, wanted: Wanted, made: Made): readonly string[] {
  const { secret_threshold: threshold, recovery_shares: shares, recovery_threshold: enough } = wanted;
  const root = 'Use the root token to set up policies and logins, then revoke it.';
  if (made.hex.length === 0)
    return [
      `Success! ${product} is initialized, and is unsealed by its key backend. Whoever loses that key loses everything that is stored.`,
      ...(made.recoveryHex.length === 0
        ? []
        : [`The recovery key has ${shares} shares, of which ${enough} are enough. Give each one above to another person.`]),
      root,
    ];
  return [
    `${product} is initialized, and still sealed. ${threshold} of the ${made.hex.length} shares above unseal it, now and after every restart: give each one to another person, who runs "${io.name} operator unseal".`,
    `Nothing above is stored by ${product}, and none of it can be printed again. Whoever holds ${threshold} of the shares can read everything; without ${threshold} of them nobody can ever again.`,
    root,
  ];
}
