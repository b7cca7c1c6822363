// Sees to it that a wrong PIN is shown to a token once: a few more would lock it, for everybody.

import { Fault } from '../../base/fault.ts';
import { hmacSha256Hex } from '../../crypto/hash.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';

export interface LoginGuard {
  /**
   * `token` names the token that `login` shows the PIN to; `isRefusal` tells whether what it threw was said of the PIN. Logins to one
   * token wait for one another. A PIN that was refused is refused again without a login.
   */
  attempt(token: string, pin: string, login: () => Promise<void>, isRefusal: (thrown: unknown) => boolean): Promise<void>;
}

export function createLoginGuard(): LoginGuard {
  // PINs are short: a plain digest would give them away to whoever reads the memory.
  const key = keyFromBytes(systemRandom(32));
  const refused = new Map<string, string>();
  const turns = new Map<string, Promise<unknown>>();
  return {
    attempt(token, pin, login, isRefusal) {
      const content = hmacSha256Hex(key, `${token}\0${pin}`);
      const turn = (turns.get(token) ?? Promise.resolve()).then(async () => {
        const before = refused.get(content);
        if (before !== undefined) throw new Fault('permission-denied', before);
        try {
          await login();
        } catch (thrown) {
          if (isRefusal(thrown)) refused.set(content, (thrown as Error).message);
          throw thrown;
        }
      });
      turns.set(
        token,
        turn.catch(() => undefined),
      );
      return turn;
    },
  };
}

/** One for all backends of this process: two of them may have the same token and the same wrong PIN. */
export const guardOfProcess = createLoginGuard();
