// The routes of sys/ that operators look after the server with, made from an unsealed server.

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Barrier } from '../barrier/barrier.ts';
import type { Rotation } from '../barrier/rotation.ts';
import type { EngineKind, OpenEngine } from '../core/engine.ts';
import type { Life } from '../core/life.ts';
import type { Tokens } from '../identity/tokens.ts';
import type { Mounts } from '../mounts/mounts.ts';
import type { Router } from '../mounts/router.ts';
import type { Quotas } from '../quotas/quotas.ts';
import { createCustody } from '../seal/custody.ts';
import { createRekeying } from '../seal/rekeying.ts';
import { createRootGeneration } from '../seal/root-generation.ts';
import { openCustody } from './custody.ts';
import { openOperations } from './operations.ts';
import { openPasswordPolicies } from './password-policies.ts';
import { openQuotas } from './quotas.ts';

export interface OperatorParts {
  /** Below the barrier. */
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly log: Log;
  readonly version: string;
}

export interface Operated {
  readonly barrier: Barrier;
  readonly mounts: Mounts;
  readonly router: Router;
  readonly kinds: ReadonlyMap<string, EngineKind>;
  readonly quotas: Quotas;
  readonly tokens: Tokens;
  readonly rotation: Rotation;
  readonly underWay: Iterable<Life>;
}

/** By part. Attempts of the holders of shares end with the unsealed server. */
export function openOperators(parts: OperatorParts, unsealed: Operated): Readonly<Record<string, OpenEngine>> {
  const { storage, clock, random, uuid, log, version } = parts;
  const { barrier, mounts, router, kinds, quotas, tokens, rotation, underWay } = unsealed;
  const custody = createCustody({ storage, barrier, random });
  const makeToken = async () => {
    const { token } = await tokens.create({ path: 'auth/token/root', policies: ['root'], displayName: 'root' });
    return token;
  };
  return {
    quotas: openQuotas({ quotas, mounts, router }),
    passwords: openPasswordPolicies({ storage: barrier, random }),
    custody: openCustody({
      generation: createRootGeneration({ custody, random, uuid, makeToken }),
      root: createRekeying(custody, 'root', uuid),
      recovery: createRekeying(custody, 'recovery', uuid),
    }),
    operations: openOperations({ clock, version, levels: log.levels, kinds: () => [...kinds.values()], underWay, rotation }),
  };
}
