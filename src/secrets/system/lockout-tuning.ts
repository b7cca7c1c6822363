// user_lockout_config of a mount: what was sent, checked, as it is kept and shown.

import { parseDurationSeconds } from '../../base/durations.ts';
import { Fault } from '../../base/fault.ts';
import { coerce } from '../../schema/coerce.ts';
import { bool, integer } from '../../schema/fields.ts';
import type { LockoutTuning } from '../core/engine.ts';
import { lockoutTypes } from '../lockout/lockout.ts';

/**
 * What was not sent stays; "system" goes back to what the server is set to. undefined where nothing is tuned.
 * Throws Fault `invalid-request`, also for a method whose users cannot be locked out.
 */
export function tunedLockout(
  type: string,
  before: LockoutTuning | undefined,
  sent: Readonly<Record<string, unknown>> | undefined,
): LockoutTuning | undefined {
  if (sent === undefined || Object.keys(sent).length === 0) return before;
  if (!lockoutTypes.includes(type))
    throw new Fault('invalid-request', `tuning of user lockout configuration for auth type ${JSON.stringify(type)} not allowed`);
  const threshold = isSent(sent['lockout_threshold'])
    ? (coerce('lockout_threshold', count, sent['lockout_threshold']) as number)
    : undefined;
  if (threshold !== undefined && threshold < 0)
    throw new Fault('invalid-request', 'unable to parse user lockout threshold: it cannot be negative');
  const disable = sent['lockout_disable'];
  return {
    user_lockout_counter_reset_duration:
      seconds(sent['lockout_counter_reset_duration'], 'lockout_counter_reset_duration') ?? before?.user_lockout_counter_reset_duration ?? 0,
    user_lockout_disable: isSent(disable) ? (coerce('lockout_disable', flag, disable) as boolean) : (before?.user_lockout_disable ?? false),
    user_lockout_duration: seconds(sent['lockout_duration'], 'lockout_duration') ?? before?.user_lockout_duration ?? 0,
    user_lockout_threshold: threshold ?? before?.user_lockout_threshold ?? 0,
  };
}

const count = integer('Failed logins');
const flag = bool('Locks nobody out');

function isSent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function seconds(value: unknown, name: string): number | undefined {
  if (!isSent(value)) return undefined;
  if (value === 'system') return 0;
  if (typeof value !== 'string' && typeof value !== 'number' && !JSON.isRawJSON(value))
    throw new Fault('invalid-request', `unable to parse ${name}: it must be a duration`);
  const parsed = parseDurationSeconds(typeof value === 'object' ? value.rawJSON : value);
  if (parsed < 0) throw new Fault('invalid-request', `unable to parse ${name}: it cannot be negative`);
  return parsed;
}
