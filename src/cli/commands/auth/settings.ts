// Settings that auth methods have beside those of every mount, as flags and as parts of a body.

import { duration, type Flag, type FlagValues, integer, text } from '../../flags.ts';

export const tokenTypeFlag = {
  'token-type': text('Kind of tokens: "default-service" and "default-batch" let a role choose, "service" and "batch" do not.'),
} as const;

/** Without a default: what was not said must stay as it is. */
const lockoutDisable: Flag<boolean | undefined> = {
  kind: 'bool',
  help: 'Lock nobody out after failed logins; -user-lockout-disable=false takes that back.',
};

export const lockoutFlags = {
  'user-lockout-counter-reset-duration': duration('Without a failed login for as long the count starts anew.'),
  'user-lockout-disable': lockoutDisable,
  'user-lockout-duration': duration('How long a user is locked out after failed logins; "system" for what the server is set to.'),
  'user-lockout-threshold': integer('Failed logins that lock a user out.'),
} as const;

/** Undefined when none of them is given. */
export function lockoutOf(flags: FlagValues<typeof lockoutFlags>): Readonly<Record<string, unknown>> | undefined {
  const threshold = flags['user-lockout-threshold'];
  const config = Object.fromEntries(
    Object.entries({
      lockout_threshold: threshold === undefined || threshold < 0 ? undefined : String(threshold),
      lockout_duration: durationOf(flags['user-lockout-duration']),
      lockout_counter_reset_duration: durationOf(flags['user-lockout-counter-reset-duration']),
      lockout_disable: flags['user-lockout-disable'],
    }).filter(([, value]) => value !== undefined),
  );
  return Object.keys(config).length === 0 ? undefined : config;
}

function durationOf(seconds: number | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  return seconds < 0 ? 'system' : `${seconds}s`;
}
