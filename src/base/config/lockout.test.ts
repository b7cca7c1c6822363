// The user_lockout stanzas: what they change, for whom, and what is refused.

import { describe, expect, it } from 'vitest';
import { defaultLockout } from './lockout.ts';
import { readConfig } from './reader.ts';

const least = 'storage "inmem" {}\nlistener "tcp" { tls_disable = true }\n';
const read = (text: string) => readConfig([{ path: 'vault.hcl', text: text + least }]);
const lockouts = (text: string) => read(text).config.lockouts;

describe('user_lockout', () => {
  it('is after five failures and for a quarter of an hour where nothing is said', () => {
    expect(lockouts('').all).toEqual({ threshold: 5, duration: 900, counterReset: 900, disabled: false });
    expect(lockouts('').methods['approle']).toEqual(defaultLockout);
  });

  it('gives methods what all have, and their own beside it, in any order', () => {
    const stanzas = [
      'user_lockout "userpass" { lockout_threshold = 3\n lockout_duration = "1h" }\n',
      'user_lockout "ALL" { lockout_threshold = 10\n lockout_counter_reset = 60 }\n',
    ];
    for (const text of [stanzas.join(''), stanzas.toReversed().join('')]) {
      const { all, methods } = lockouts(text);
      expect(all).toEqual({ threshold: 10, duration: 900, counterReset: 60, disabled: false });
      expect(methods['userpass']).toEqual({ threshold: 3, duration: 3600, counterReset: 60, disabled: false });
      expect(methods['approle']).toEqual(all);
    }
  });

  it('can be switched off for one method', () => {
    const { all, methods } = lockouts('user_lockout "approle" { disable_lockout = "true" }\n');
    expect([all.disabled, methods['approle']?.disabled, methods['userpass']?.disabled]).toEqual([false, true, false]);
  });

  it.each([
    ['user_lockout "kubernetes" {}', 'user_lockout "kubernetes" does not exist; use all, userpass, approle or ldap'],
    ['user_lockout "all" {}\nuser_lockout "all" {}', 'user_lockout "all" stands at vault.hcl:1 already'],
    [
      'user_lockout "all" { lockout_threshold = 0 }',
      'lockout_threshold in user_lockout "all" must be a whole number of failed logins, 1 or more',
    ],
    ['user_lockout "all" { lockout_duration = "soon" }', 'lockout_duration in user_lockout "all" must be a duration'],
    ['user_lockout {}', 'must be written as'],
  ])('is refused as %s', (text, sentence) => {
    expect(() => read(`${text}\n`)).toThrow(sentence);
  });

  it('tells of keys that it does not know', () => {
    expect(read('user_lockout "all" { lockout_time = 3 }\n').warnings).toEqual([
      'unknown key "lockout_time" in user_lockout "all" at vault.hcl:1',
    ]);
  });
});
