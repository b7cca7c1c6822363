// The auth methods that the command can log in with, and what each asks of the user.

import { parseBool } from '../../../client/environment.ts';
import type { Secret } from '../../../client/secret.ts';
import type { CommandContext } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { wrapped } from '../../output/wrap.ts';
import { secretArgument } from '../../secret-argument.ts';
import { loginWithToken } from './token-login.ts';

/** `mount` is where the method is enabled: `userpass`. Resolves to an answer with an auth block, or to a wrapped one. Throws Ending. */
export type Login = (context: CommandContext, mount: string) => Promise<Secret>;

const byToken: Login = async (context) => {
  const [first, ...rest] = context.args;
  const named = first !== undefined && !first.includes('=');
  const { token = named ? await secretArgument(context, first) : undefined, lookup = 'true' } = await context.keyTexts(
    named ? rest : context.args,
  );
  const checked = parseBool(String(lookup));
  if (checked === undefined) throw new Ending('Error authenticating: lookup must be true or false', 2);
  const given = token === undefined ? await context.ask('Token (will be hidden):', { hidden: true }) : String(token).trim();
  return loginWithToken(context, given, checked);
};

/** The user's name is part of the path, and the password is asked for when it is not given. */
const byPassword: Login = async (context, mount) => {
  const { username = '', password = '', mount: where = mount, ...others } = await context.keyTexts(context.args);
  if (username === '') throw new Ending("Error authenticating: 'username' must be specified", 2);
  const secret = password === '' ? await context.ask('Password (will be hidden):', { hidden: true }) : password;
  return submitted(context, `auth/${String(where)}/login/${String(username)}`, { ...others, password: secret });
};

/** All that is given goes to the method as it is. */
const byData =
  (...needed: readonly string[]): Login =>
  async (context, mount) => {
    const { mount: where = mount, ...data } = await context.keyTexts(context.args);
    for (const name of needed) {
      if ((data[name] ?? '') === '') throw new Ending(`Error authenticating: '${name}' must be specified`, 2);
    }
    return submitted(context, `auth/${String(where)}/login`, data);
  };

async function submitted(context: CommandContext, path: string, data: Readonly<Record<string, unknown>>): Promise<Secret> {
  // A token of an earlier login has no say in this one.
  const asked = context.client().with({ token: undefined }).write(path, data);
  const secret = await context.calling('Error authenticating', asked);
  if (secret === undefined) throw new Ending('Error authenticating: the answer is empty', 2);
  return secret;
}

const methods: Readonly<Record<string, Login>> = {
  approle: byData('role_id'),
  cert: byData(),
  jwt: byData('jwt'),
  kubernetes: byData('role', 'jwt'),
  ldap: byPassword,
  radius: byPassword,
  token: byToken,
  userpass: byPassword,
};

/** Throws Ending for a method that nobody here can log in with. */
export function loginMethod(name: string, program: string): Login {
  const login = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (login !== undefined) return login;
  const known = Object.keys(methods).join(', ');
  const words = `Unknown auth method: ${name}. The command can log in with ${known}. For another one, write what it needs: "${program} write auth/<path>/login K=V...".`;
  throw new Ending(wrapped(words));
}
