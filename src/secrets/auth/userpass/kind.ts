// The auth method `userpass`: users with passwords, and their logins.

import { userpass as contract } from '../../../api/userpass.ts';
import { Fault } from '../../../base/fault.ts';
import { type Passwords, passwordHashCost } from '../../../crypto/passwords.ts';
import { type EngineKind, engine, type Handlers, type Host } from '../../core/engine.ts';
import { changeLimits, cleanPolicies, describeLimits, freshLimits, loginLimits, type StoredLimits } from '../../core/login-limits.ts';
import { createUsers, type Users } from './users.ts';

type UserpassHandlers = Handlers<typeof contract>;

/** The passwords are shared by all mounts, which so share one bound on the work that they make. */
export function userpass(passwords: Passwords): EngineKind {
  return {
    type: 'userpass',
    table: 'auth',
    description: contract.description,
    open: (host) => openUserpass(host, passwords),
  };
}

function openUserpass(host: Host, passwords: Passwords) {
  const users = createUsers(host);
  return engine<typeof contract>({
    contract,
    handlers: { ...userHandlers(users, passwords), ...loginHandlers(users, passwords) },
    async renewLogin({ username, policies }) {
      const user = await users.find(String(username));
      if (user === undefined) throw new Fault('invalid-request', 'the user does not exist any more, not renewing');
      if (!samePolicies(user.limits, policies as readonly string[]))
        throw new Fault('invalid-request', 'policies have changed, not renewing');
      return loginLimits(user.limits, '');
    },
    // Users stand for roles: `login/<name>`, in whatever case.
    loginRole: async (path) => /^login\/([^/]+)$/.exec(path)?.[1]?.toLowerCase(),
  });
}

function userHandlers(users: Users, passwords: Passwords): Pick<UserpassHandlers, 'users' | 'user' | 'password' | 'policies'> {
  const present = (before: { readonly hash: string; readonly limits: StoredLimits } | undefined) => {
    if (before === undefined) throw new Fault('engine-failed', 'username does not exist');
    return before;
  };
  return {
    users: {
      list: async ({ after, limit = 0 }) => ({
        data: { keys: await users.names({ ...(after === undefined ? {} : { after }), ...(limit > 0 ? { limit } : {}) }) },
      }),
    },
    user: {
      exists: async ({ username = '' }) => (await users.find(username)) !== undefined,
      async read({ username = '' }) {
        const user = await users.find(username);
        return user === undefined ? undefined : { data: describeLimits(user.limits) };
      },
      async write({ username = '', password = '', password_hash: given = '', ...input }, { signal }) {
        if (!isName(username)) throw new Fault('unsupported-path', 'unsupported path');
        const isNew = (await users.find(username)) === undefined;
        const hash = isNew || password !== '' || given !== '' ? await hashOf(passwords, password, given, signal) : undefined;
        await users.change(username, (before) => {
          const kept = hash ?? before?.hash;
          // Deleted by somebody else in the meantime.
          if (kept === undefined) throw neither();
          return { hash: kept, limits: changeLimits(before?.limits ?? freshLimits, input) };
        });
        return undefined;
      },
      delete: async ({ username = '' }) => void (await users.remove(username)),
    },
    password: {
      async write({ username = '', password = '', password_hash: given = '' }, { signal }) {
        present(await users.find(username));
        const hash = await hashOf(passwords, password, given, signal);
        await users.change(username, (before) => ({ ...present(before), hash }));
        return undefined;
      },
    },
    policies: {
      async write({ username = '', ...input }) {
        await users.change(username, (before) => {
          const { hash, limits } = present(before);
          return { hash, limits: changeLimits(limits, cleaned(input)) };
        });
        return undefined;
      },
    },
  };
}

function loginHandlers(users: Users, passwords: Passwords): Pick<UserpassHandlers, 'login'> {
  return {
    login: {
      async write({ username = '', password = '' }, { signal, remoteAddress }) {
        if (password === '') throw new Fault('engine-failed', 'missing password', { framed: false });
        const user = isName(username) ? await users.find(username) : undefined;
        const right = user !== undefined && (await passwords.matches(password, user.hash, signal));
        // Whoever tries names learns nothing from the time that it takes.
        if (user === undefined) await passwords.pretend(password, signal);
        if (user === undefined || !right)
          throw new Fault('invalid-credentials', 'invalid username or password', {
            fields: { account: user === undefined ? 'none' : 'known' },
          });
        return {
          login: {
            alias: { name: username },
            displayName: username,
            metadata: { username },
            token: loginLimits(user.limits, remoteAddress),
            internal: { username, policies: user.limits.policies },
          },
        };
      },
    },
  };
}

const longestName = 512;
const cheapest = 5;
const dearest = 12;

/** Throws Fault `invalid-request` unless exactly one of the two is given, and for a hash that is too weak or too dear to check. */
async function hashOf(passwords: Passwords, password: string, given: string, signal: AbortSignal): Promise<string> {
  if (password !== '' && given !== '') throw refused('only one of password or password_hash may be provided');
  if (password !== '') return passwords.hash(password, signal);
  if (given === '') throw neither();
  const cost = passwordHashCost(given);
  if (cost === undefined) throw refused('password_hash is not a valid bcrypt hash');
  if (cost < cheapest) throw refused(`bcrypt cost of ${cost} is too low, want ${cheapest} at minimum`);
  if (cost > dearest) throw refused(`bcrypt cost of ${cost} exceeds maximum cost of ${dearest}`);
  return given;
}

function neither(): Fault {
  return refused('must provide either password or password_hash');
}

/** The names that Vault's paths take. */
function isName(name: string): boolean {
  return name.length <= longestName && /^\w(?:[\w.-]*\w)?$/.test(name);
}

function cleaned<T extends { readonly policies?: string[] | undefined; readonly token_policies?: string[] | undefined }>(input: T): T {
  return { ...input, ...(input.token_policies === undefined ? {} : { token_policies: cleanPolicies(input.token_policies) }) };
}

/** Whether `default` is among them is the login's business, not the user's. */
function samePolicies(limits: StoredLimits, before: readonly string[]): boolean {
  const [now, then] = [limits.policies, before].map((names) => cleanPolicies(names).filter((name) => name !== 'default'));
  return JSON.stringify(now) === JSON.stringify(then);
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
