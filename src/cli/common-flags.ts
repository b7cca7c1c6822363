// The flags that every command takes, and what they make of the environment's connection.

import { type Connection, connectionFrom, defaultAddress, parseBool, variable } from '../client/environment.ts';
import { Ending } from './ending.ts';
import { bool, duration, type FlagValues, integer, pairs, text, texts } from './flags.ts';
import type { Io } from './io.ts';

export const connectionFlags = {
  address: text(`Address of the server. ${defaultAddress}, where a development server listens, when nothing is set.`, { variable: 'ADDR' }),
  'agent-address': text('Address of the agent, asked instead of the server.', { variable: 'AGENT_ADDR' }),
  'ca-cert': text('PEM file with the authority that signed the certificate of the server. Counts before -ca-path.', { variable: 'CACERT' }),
  'ca-path': text('Folder of PEM files with such authorities.', { variable: 'CAPATH' }),
  'client-cert': text('PEM file with the certificate to show to the server; -client-key belongs to it.', { variable: 'CLIENT_CERT' }),
  'client-key': text('PEM file with the key of -client-cert.', { variable: 'CLIENT_KEY' }),
  'tls-server-name': text('Name to ask for, and to expect in the certificate of the server.', { variable: 'TLS_SERVER_NAME' }),
  'tls-skip-verify': bool('Trust any certificate. Whoever sits in between can read and change everything.', { variable: 'SKIP_VERIFY' }),
  namespace: text('Namespace that paths are relative to.', { variable: 'NAMESPACE' }),
  ns: text('Short for -namespace.', { hidden: true }),
  header: pairs('Header to send with each request, as name=value. Can be given several times.'),
  'wrap-ttl': duration('Wrap the answer for this long: what is printed is a token that "unwrap" takes once.', { variable: 'WRAP_TTL' }),
  'disable-redirects': bool('Do not follow the one redirect that is followed otherwise.', { variable: 'DISABLE_REDIRECTS' }),
  'policy-override': bool('Override a policy that allows to be overridden.'),
  mfa: texts('Credentials of a second factor. Can be given several times.', { variable: 'MFA' }),
  'output-curl-string': bool('Print the request as a curl command instead of sending it.'),
  'non-interactive': bool('Never ask on the terminal.'),
} as const;

export const fieldFlag = {
  field: text('Print this field alone; without a line end, unless on a terminal.'),
} as const;
export const formatFlag = {
  format: text('How to print: table, json or yaml; raw for "read".', { variable: 'FORMAT' }),
} as const;
export const detailedFlag = {
  detailed: bool('Print what the server tells about each entry.', { variable: 'DETAILED' }),
} as const;
export const listFlags = {
  after: text('Entry after which to start, for paths that are listed in pages.'),
  limit: integer('How many entries to list, for paths that are listed in pages.'),
} as const;

export type CommonValues = FlagValues<typeof connectionFlags> &
  Partial<FlagValues<typeof fieldFlag> & FlagValues<typeof formatFlag> & FlagValues<typeof detailedFlag>>;

export const formats = ['table', 'json', 'yaml', 'raw'] as const;
export type Format = (typeof formats)[number];

/** Throws Ending for a format that does not exist. */
export function formatOf(values: Pick<CommonValues, 'format'>, env: Io['env']): Format {
  const asked = (values.format ?? variable(env, 'FORMAT') ?? 'table').toLowerCase();
  const format = formats.find((known) => known === asked || (known === 'yaml' && asked === 'yml'));
  if (format === undefined) throw new Ending(`Invalid output format: ${asked}`);
  return format;
}

export function isDetailed(values: CommonValues, env: Io['env']): boolean {
  return values.detailed === true || parseBool(variable(env, 'DETAILED') ?? '') === true;
}

/** The environment's connection with the flags over it; the token is left to the caller. */
export function connectionOf(values: CommonValues, io: Io): Connection {
  const env = connectionFrom(io.env);
  const pick = (given: string | undefined, otherwise: string | undefined) => (given === undefined || given === '' ? otherwise : given);
  const wrapTtl = values['wrap-ttl'];
  const namespace = values.ns ?? values.namespace ?? env.namespace;
  return {
    ...env,
    address: pick(values['agent-address'], pick(values.address, env.address)),
    caCert: pick(values['ca-cert'], env.caCert),
    caPath: pick(values['ca-path'], env.caPath),
    // A file that is named on the command line counts before everything in the environment.
    caBytes: (values['ca-cert'] ?? values['ca-path']) === undefined ? env.caBytes : undefined,
    clientCert: pick(values['client-cert'], env.clientCert),
    clientKey: pick(values['client-key'], env.clientKey),
    serverName: pick(values['tls-server-name'], env.serverName),
    skipVerify: values['tls-skip-verify'] || env.skipVerify,
    namespace: namespace === undefined || namespace === '' ? undefined : `${namespace.replace(/^\/+|\/+$/g, '')}/`,
    wrapTtl: wrapTtl === undefined || wrapTtl === 0 ? env.wrapTtl : `${wrapTtl}s`,
    redirects: values['disable-redirects'] ? false : env.redirects,
    // A person waits less gladly than a program: a command tries once, unless it is told otherwise.
    retries: env.retries ?? 0,
  };
}

/** Headers of -header, -mfa and -policy-override. Throws Ending for those that are the client's own. */
export function headersOf(values: CommonValues, io: Io): Readonly<Record<string, string>> {
  const reserved = Object.keys(values.header).filter((name) => name.toLowerCase().startsWith('x-vault-'));
  if (reserved.length > 0)
    throw new Ending(`failed to setup Headers[${reserved.join(', ')}]: Header starting by 'X-Vault-' are for internal usage only`, 2);
  const mfa = values.mfa.length > 0 ? values.mfa : (variable(io.env, 'MFA')?.split(',') ?? []);
  return {
    ...values.header,
    ...(mfa.length === 0 ? {} : { 'X-Vault-MFA': mfa.join(',') }),
    ...(values['policy-override'] ? { 'X-Vault-Policy-Override': 'true' } : {}),
  };
}
