// The settings of a mount as flags, and as the body that sys/mounts takes.

import { duration, type FlagValues, integer, pairs, text, texts } from '../../flags.ts';

export const settingFlags = {
  'allowed-response-headers': texts('Header that the engine may set in its answers. Can be given several times.'),
  'audit-non-hmac-request-keys': texts('Key of requests that audit devices write in clear. Can be given several times.'),
  'audit-non-hmac-response-keys': texts('Key of answers that audit devices write in clear. Can be given several times.'),
  'default-lease-ttl': duration('How long leases last when nobody asks for a time; "system" for what the server is set to.'),
  description: text('What the mount is for, for people.'),
  'listing-visibility': text('"unauth" shows the mount to everybody, "hidden" to those whose policies touch it.'),
  'max-lease-ttl': duration('How long leases last at most; "system" for what the server is set to.'),
  options: pairs('Option of the engine, as key=value. Can be given several times.'),
  'passthrough-request-headers': texts('Header of requests that the engine gets to see. Can be given several times.'),
  'plugin-version': text('Accepted: the engines are part of the server.'),
  version: integer('Version of the engine, for those that have several.'),
} as const;

export type Settings = FlagValues<typeof settingFlags>;

/** The settings that are given, without description and options. An empty list takes away what was set. */
export function configOf(flags: Settings): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries({
      default_lease_ttl: ttlOf(flags['default-lease-ttl']),
      max_lease_ttl: ttlOf(flags['max-lease-ttl']),
      audit_non_hmac_request_keys: listOf(flags['audit-non-hmac-request-keys']),
      audit_non_hmac_response_keys: listOf(flags['audit-non-hmac-response-keys']),
      listing_visibility: flags['listing-visibility'],
      passthrough_request_headers: listOf(flags['passthrough-request-headers']),
      allowed_response_headers: listOf(flags['allowed-response-headers']),
      plugin_version: flags['plugin-version'],
    }).filter(([, value]) => value !== undefined),
  );
}

/** Undefined when there are none. */
export function optionsOf({ options, version = 0 }: Settings): Readonly<Record<string, string>> | undefined {
  const all = { ...options, ...(version > 0 ? { version: String(version) } : {}) };
  return Object.keys(all).length === 0 ? undefined : all;
}

function ttlOf(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  return seconds < 0 ? 'system' : `${seconds}s`;
}

/** `-name=` gives a list without anything in it. */
function listOf(given: readonly string[]): readonly string[] | undefined {
  return given.length === 0 ? undefined : given.filter((entry) => entry !== '');
}
