// What a token sees of PINs: one attempt for each wrong one, and all that are needed for a right one.

import { describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { createLoginGuard, type LoginGuard } from './login-guard.ts';

function desk(right: string, guard: LoginGuard = createLoginGuard()) {
  const seen: string[] = [];
  const logIn = async (pin: string, token = 'token'): Promise<string> => {
    const login = async (): Promise<void> => {
      seen.push(pin);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (pin === 'away') throw new Fault('unavailable', 'the token is away');
      if (pin !== right) throw new Fault('permission-denied', 'the token refuses the PIN');
    };
    const isRefusal = (thrown: unknown): boolean => thrown instanceof Fault && thrown.code === 'permission-denied';
    return guard.attempt(token, pin, login, isRefusal).then(
      () => 'logged in',
      (thrown: unknown) => (thrown as Fault).message,
    );
  };
  return { seen, logIn };
}

describe('the guard of logins', () => {
  it('shows a wrong PIN to a token once, also when several need it at the same moment', async () => {
    const { seen, logIn } = desk('right');
    const told = await Promise.all([logIn('wrong'), logIn('wrong'), logIn('wrong')]);
    told.push(await logIn('wrong'));
    expect(new Set(told)).toEqual(new Set(['the token refuses the PIN']));
    expect(seen).toEqual(['wrong']);
  });

  it('lets another PIN, and another token, be tried', async () => {
    const { seen, logIn } = desk('right');
    await logIn('wrong');
    expect(await logIn('right')).toBe('logged in');
    await logIn('wrong', 'another token');
    expect(seen).toEqual(['wrong', 'right', 'wrong']);
  });

  it('does not take a token that was away for one that refused', async () => {
    const { seen, logIn } = desk('right');
    expect([await logIn('away'), await logIn('away')]).toEqual(['the token is away', 'the token is away']);
    expect(seen).toEqual(['away', 'away']);
  });

  it('lets a right PIN log in as often as it is needed', async () => {
    const { seen, logIn } = desk('right');
    expect(await Promise.all([logIn('right'), logIn('right')])).toEqual(['logged in', 'logged in']);
    expect(seen).toHaveLength(2);
  });
});
