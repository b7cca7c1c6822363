// The user_lockout stanzas: when failed logins lock a user out, for all auth methods and for single ones.

import type { LockoutConfig, LockoutConfigs } from './config.ts';
import { bool, lifetime, listed, whole } from './kind.ts';
import { quoted, refuse, type Section } from './section.ts';

const methods = ['userpass', 'approle', 'ldap'];

/** Throws Fault `usage` for a method whose users are not locked out, and for one that has a stanza already. */
export function readLockouts(top: Section): LockoutConfigs {
  const stanzas = new Map<string, Section>();
  for (const stanza of top.stanzas('user_lockout', 'METHOD')) {
    const method = (stanza.labels[0] ?? '').toLowerCase();
    if (method !== 'all' && !methods.includes(method))
      throw refuse(stanza.where, `user_lockout ${quoted(method)} does not exist; use ${listed(['all', ...methods])}`);
    const first = stanzas.get(method);
    if (first !== undefined) throw refuse(stanza.where, `user_lockout ${quoted(method)} stands at ${first.where} already`);
    stanzas.set(method, stanza);
  }
  const all = readLockout(stanzas.get('all'), defaultLockout);
  const ofMethods = methods.map((method) => [method, readLockout(stanzas.get(method), all)] as const);
  for (const stanza of stanzas.values()) stanza.warnOfRest();
  return { all, methods: Object.fromEntries(ofMethods) };
}

export const defaultLockout: LockoutConfig = { threshold: 5, duration: 15 * 60, counterReset: 15 * 60, disabled: false };

function readLockout(stanza: Section | undefined, otherwise: LockoutConfig): LockoutConfig {
  return {
    threshold: stanza?.read('lockout_threshold', whole('failed logins', 1)) ?? otherwise.threshold,
    duration: stanza?.read('lockout_duration', lifetime) ?? otherwise.duration,
    counterReset: stanza?.read('lockout_counter_reset', lifetime) ?? otherwise.counterReset,
    disabled: stanza?.read('disable_lockout', bool) ?? otherwise.disabled,
  };
}
