// casemate login: gets a token from an auth method and keeps it for the commands that follow.

import { variableName } from '../../client/environment.ts';
import type { Secret, SecretAuth } from '../../client/secret.ts';
import { apiPath, type CommandContext, command } from '../command.ts';
import { Ending } from '../ending.ts';
import { bool, text } from '../flags.ts';
import { fieldOf } from '../output/secret-view.ts';
import { wrapped } from '../output/wrap.ts';
import { loginMethod } from './login/methods.ts';

const flags = {
  method: text('Kind of auth method, such as token or userpass. Where it is enabled is said with -path.', { default: 'token' }),
  path: text('Path where the method is enabled; named like the method when left out.'),
  'no-store': bool('Do not keep the token: it is only printed.'),
  'no-print': bool('Do not print the token: it is only kept.'),
  'token-only': bool('Print the token alone, and do not keep it.'),
} as const;

export const login = command({
  synopsis: 'Log in',
  usage: '[options] [TOKEN | - | K=V...]',
  help: `Logs in, and keeps the token in the file .vault-token of the home directory, which nobody else can read. The commands that follow use it. Without a method one logs in with a token.

What is not given is asked for on the terminal, which does not show secrets. The argument - reads the token from stdin, and a value - the value of a key. What stands on the command line can be seen by the other users of the machine while the command runs, and stays in the history of the shell.`,
  examples: {
    'Log in with a token, without showing it': 'login',
    'Log in with a token that is in a file': 'login -',
    'Log in with a name and a password': 'login -method=userpass username=ann',
    'Print the token for another program, and keep nothing': 'login -token-only -method=userpass -path=staff username=ann',
  },
  flags,
  output: { field: true },
  async run(context) {
    const tokenOnly = context.flags['token-only'];
    const keep = !tokenOnly && !context.flags['no-store'];
    if (!keep && context.flags['no-print']) throw new Ending('-no-store and -no-print cannot be used together');
    const given = apiPath(context.flags.method);
    const method = given === '' ? 'token' : given;
    const path = apiPath(context.flags.path ?? '');
    const answered = await loginMethod(method, context.io.name)(context, path === '' ? method : path);
    if (needsSecondFactor(answered)) return showSecondFactor(context, answered);
    const secret = await extracted(context, answered, keep);
    const { auth } = secret;
    if (tokenOnly) return context.showField('token', auth?.client_token ?? secret.wrap_info?.token);
    if (auth === undefined) return context.showSecret(secret);
    if (keep && !keepToken(context, auth)) {
      context.showSecret(secret);
      return 2;
    }
    if (!keep) context.warn(`${wrapped(notKept(context))}\n`);
    return context.flags['no-print'] ? 0 : showLogin(context, secret, keep);
  },
});

function needsSecondFactor({ auth }: Secret): boolean {
  return auth?.mfa_requirement != null && auth.client_token === '';
}

/** There is no token yet that could be kept. */
function showSecondFactor(context: CommandContext, secret: Secret): number {
  const words = 'The login needs a second factor: send it to sys/mfa/validate with the id below. The token is in the answer to that.';
  context.warn(`${wrapped(words)}\n`);
  return context.showSecret(secret);
}

/** The answer with the token; one that is wrapped is unwrapped where the token is kept, and stays wrapped otherwise. */
async function extracted(context: CommandContext, secret: Secret, keep: boolean): Promise<Secret> {
  if (secret.auth !== undefined) return secret;
  if (secret.wrap_info === undefined) throw new Ending('Error extracting token: the answer holds neither a token nor a wrapped one', 2);
  if (secret.wrap_info.wrapped_accessor === '') throw new Ending('Error extracting token: what was wrapped is no token', 2);
  if (!keep) return secret;
  const asked = context.client().with({ token: secret.wrap_info.token, wrapTtl: undefined }).unwrap(undefined);
  const unwrapped = await context.calling('Error extracting token', asked);
  if (unwrapped?.auth === undefined) throw new Ending('Error extracting token: what was wrapped is no token', 2);
  return unwrapped;
}

/** Resolves to false when the file could not be written: the login is not lost for that. */
function keepToken(context: CommandContext, auth: SecretAuth): boolean {
  try {
    context.tokens.write(auth.client_token);
  } catch (thrown) {
    if (!(thrown instanceof Ending)) throw thrown;
    context.warn(`Error storing token: ${thrown.message}`);
    context.warn(`${wrapped('The login went well, but its token is kept nowhere. It is printed below.')}\n`);
    return false;
  }
  const variable = variableName(context.io.env, 'TOKEN');
  if (variable !== undefined) {
    const words = `WARNING! The ${variable} environment variable is set! Commands use its value, not the token of this login: unset ${variable}, or change its value.`;
    context.warn(`${wrapped(words)}\n`);
  }
  return true;
}

function notKept({ io, product }: CommandContext): string {
  const prefix = io.name.toUpperCase();
  return `The token was not stored. Set the variable ${prefix}_TOKEN to the token below, or send it along with each request to ${product}.`;
}

function showLogin(context: CommandContext, secret: Secret, kept: boolean): number {
  const field = context.common.field ?? '';
  if (field !== '') return context.showField(field, fieldOf(secret, field));
  const where = kept ? `The token below is stored in ${context.tokens.path}, and the commands that follow use it.` : '';
  context.success(`${wrapped(`Success! You are now authenticated. ${where}`)}\n`);
  return context.showSecret(secret);
}
