// Handlers of sys/init, seal, unseal, seal-status, health, leader and the keyring.

import { sysSeal } from '../../api/sys-seal.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Barrier } from '../barrier/barrier.ts';
import { type Answer, engine, type OpenEngine } from '../core/engine.ts';
import type { Keeper } from '../seal/keeper.ts';
import { parseShare } from '../seal/shares.ts';

export interface ServerFacts {
  readonly version: string;
  readonly storageType: string;
  readonly apiAddress: string;
  readonly hostname: string;
}

export interface Cluster {
  readonly name: string;
  readonly id: string;
}

export interface SealParts {
  readonly keeper: Keeper;
  readonly barrier: Barrier;
  readonly clock: Clock;
  readonly facts: ServerFacts;
  readonly cluster: () => Cluster | undefined;
  /** Writes what a new store starts with, and resolves to the first root token. */
  readonly populate: () => Promise<string>;
  /** Called when the root key has come back. */
  readonly unsealed: () => Promise<void>;
  /** Ends what runs and forgets what was decrypted. */
  readonly seal: () => Promise<void>;
  /** What the configuration said, without its secrets. */
  readonly sanitized: Readonly<Record<string, unknown>>;
}

export function openSeal(parts: SealParts): OpenEngine {
  const { keeper, barrier, clock, facts } = parts;

  const clusterFields = () => {
    const cluster = parts.cluster();
    return cluster === undefined ? {} : { cluster_name: cluster.name, cluster_id: cluster.id };
  };
  const status = async (): Promise<Answer> => {
    const now = await keeper.status();
    return {
      data: {
        type: now.type,
        initialized: now.initialized,
        sealed: now.sealed,
        t: now.t,
        n: now.n,
        progress: now.progress,
        nonce: now.nonce,
        recovery_seal: now.recoverySeal,
        version: facts.version,
        build_date: '',
        commit_date: '',
        migration: false,
        ...clusterFields(),
        storage_type: facts.storageType,
      },
    };
  };
  const rotate = async () => {
    await barrier.rotate();
    return undefined;
  };

  return engine<typeof sysSeal>({
    contract: sysSeal,
    handlers: {
      init: {
        read: async () => ({ data: { initialized: (await keeper.status()).initialized } }),
        write: async (input) => ({ data: { ...(await initialize(parts, input)) } }),
      },
      sealStatus: { read: status },
      unseal: {
        write: async (input) => {
          if (input.migrate === true)
            throw new Fault('invalid-request', 'seal migration is not supported yet: initialise a new store and copy the secrets');
          if (!(await keeper.status()).initialized) throw new Fault('invalid-request', 'Vault is not initialized');
          if (input.reset === true) {
            if (barrier.sealed) keeper.reset();
            return status();
          }
          if (input.key === undefined || input.key === '')
            throw new Fault('invalid-request', "'key' must be specified in request body as JSON, or 'reset' set to true");
          await submit(parts, input.key);
          return status();
        },
      },
      health: {
        read: async (input) => {
          const { initialized, sealed } = await keeper.status();
          const code = !initialized ? (input.uninitcode ?? 501) : sealed ? (input.sealedcode ?? 503) : (input.activecode ?? 200);
          if (code < 200 || code > 599) throw new Fault('invalid-request', 'a status code must lie between 200 and 599');
          const replication = sealed ? 'unknown' : 'disabled';
          return {
            status: code,
            data: {
              initialized,
              sealed,
              standby: sealed,
              performance_standby: false,
              replication_performance_mode: replication,
              replication_dr_mode: replication,
              server_time_utc: Math.floor(clock.now() / 1000),
              version: facts.version,
              ...clusterFields(),
            },
          };
        },
      },
      leader: { read: () => ({ data: { ha_enabled: false, performance_standby: false, performance_standby_last_remote_wal: 0 } }) },
      seal: {
        write: async () => {
          await parts.seal();
          return undefined;
        },
      },
      haStatus: {
        read: () => ({
          data: {
            nodes: [
              {
                hostname: facts.hostname,
                api_address: facts.apiAddress,
                cluster_address: facts.apiAddress,
                active_node: true,
                last_echo: null,
                version: facts.version,
              },
            ],
          },
        }),
      },
      stepDown: { write: () => undefined },
      keyStatus: {
        read: () => {
          const info = barrier.keyInfo();
          return { data: { term: info.term, install_time: info.installTime, encryptions: info.encryptions } };
        },
      },
      rotate: { write: rotate },
      rotateKeyring: { write: rotate },
      sanitized: { read: () => ({ data: parts.sanitized }) },
    },
  });
}

/** One share, hex or base64. Throws Fault `invalid-request`. */
export async function submit({ keeper, barrier, unsealed }: SealParts, text: string): Promise<void> {
  const share = parseShare(text);
  if (!barrier.sealed) return;
  if (await keeper.submit(share)) await unsealed();
}

export interface InitInput {
  readonly secret_shares?: number | undefined;
  readonly secret_threshold?: number | undefined;
  readonly recovery_shares?: number | undefined;
  readonly recovery_threshold?: number | undefined;
  readonly pgp_keys?: readonly string[] | undefined;
  readonly recovery_pgp_keys?: readonly string[] | undefined;
  readonly root_token_pgp_key?: string | undefined;
}

/** As `sys/init` answers. Secrets. */
export interface InitialKeys {
  /** Shares, hex. */
  readonly keys: readonly string[];
  readonly keys_base64: readonly string[];
  readonly recovery_keys?: readonly string[];
  readonly recovery_keys_base64?: readonly string[];
  readonly root_token: string;
}

/** Throws Fault `invalid-request` when the store is initialised, and for bounds. */
export async function initialize({ keeper, populate, unsealed, barrier }: SealParts, input: InitInput): Promise<InitialKeys> {
  const pgp =
    [input.pgp_keys, input.recovery_pgp_keys].some((keys) => keys !== undefined && keys.length > 0) ||
    (input.root_token_pgp_key ?? '') !== '';
  if (pgp) throw new Fault('invalid-request', 'PGP keys are not supported yet: initialise without them and encrypt the shares yourself');
  let rootToken = '';
  const { keys, recoveryKeys } = await keeper.initialize(
    {
      shares: input.secret_shares,
      threshold: input.secret_threshold,
      recoveryShares: input.recovery_shares,
      recoveryThreshold: input.recovery_threshold,
    },
    async () => {
      rootToken = await populate();
    },
  );
  if (!barrier.sealed) await unsealed();
  return {
    keys: keys.map(hex),
    keys_base64: keys.map(base64),
    ...(recoveryKeys.length === 0 ? {} : { recovery_keys: recoveryKeys.map(hex), recovery_keys_base64: recoveryKeys.map(base64) }),
    root_token: rootToken,
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
