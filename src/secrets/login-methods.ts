// The auth methods that people and machines log in with, each behind the lockout.

import { createPasswords } from '../crypto/passwords.ts';
import { approle } from './auth/approle/kind.ts';
import { userpass } from './auth/userpass/kind.ts';
import type { EngineKind } from './core/engine.ts';
import { guarded } from './lockout/guard.ts';
import type { Lockout } from './lockout/lockout.ts';

export function loginMethods({ lockout }: { readonly lockout: Lockout }): EngineKind[] {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return [
    guarded(approle, { route: 'login', alias: ({ role_id }) => text(role_id).trim() }, lockout),
    guarded(userpass(createPasswords()), { route: 'login', alias: ({ username }) => text(username) }, lockout),
  ];
}
