// sys/init, seal, unseal, seal-status, health, leader, ha-status, key-status, rotate.

import { contract } from '../schema/contract.ts';
import { any, bool, integer, map, text, texts, time } from '../schema/fields.ts';

const sealStatus = {
  type: text('Kind of seal: shamir or static'),
  initialized: bool('Whether the store holds a keyring'),
  sealed: bool('Whether the root key is unknown to this process'),
  t: integer('Shares needed to unseal'),
  n: integer('Shares made at initialisation'),
  progress: integer('Distinct shares given so far'),
  nonce: text('Names the attempt while shares are collected'),
  recovery_seal: bool('Whether the shares are recovery shares'),
  version: text('Version of the server'),
  build_date: text('Time of the build'),
  commit_date: text('Time of the commit'),
  migration: bool('Whether a seal migration is under way'),
  cluster_name: text('Name of the cluster, once unsealed'),
  cluster_id: text('Id of the cluster, once unsealed'),
  storage_type: text('Kind of store'),
} as const;

const statusCode = (state: string) => integer(`HTTP status to answer with when the server is ${state}`);

export const sysSeal = contract({
  name: 'system',
  description: 'Initialisation, seal and state of the server.',
  routes: {
    init: {
      path: 'init',
      summary: 'Initialise the store, or tell whether it is initialised.',
      help: 'Makes the root key and splits it into shares, of which `secret_threshold` unseal the server. The shares and the root token are in the answer and nowhere else.',
      fields: {},
      bare: true,
      whileSealed: true,
      unauthenticated: true,
      operations: {
        read: { summary: 'Tell whether the store is initialised.', output: { initialized: bool('Whether the store is initialised') } },
        write: {
          summary: 'Initialise the store.',
          input: {
            secret_shares: integer('Number of shares to split the root key into, 1 to 255'),
            secret_threshold: integer('Number of shares that unseal, at most secret_shares'),
            recovery_shares: integer('Number of recovery shares, with auto-unseal'),
            recovery_threshold: integer('Number of recovery shares that are enough, with auto-unseal'),
            pgp_keys: texts('Not supported yet: refused when given'),
            root_token_pgp_key: text('Not supported yet: refused when given'),
            recovery_pgp_keys: texts('Not supported yet: refused when given'),
            stored_shares: integer('Accepted for old clients', { deprecated: true }),
          },
          output: {
            keys: texts('The shares, hex', { secret: true }),
            keys_base64: texts('The shares, base64', { secret: true }),
            recovery_keys: texts('The recovery shares, hex', { secret: true }),
            recovery_keys_base64: texts('The recovery shares, base64', { secret: true }),
            root_token: text('The first root token', { secret: true }),
          },
        },
      },
    },
    sealStatus: {
      path: 'seal-status',
      summary: 'State of the seal.',
      help: 'Answered without a token and while sealed, so that operators see how many shares are still missing.',
      fields: {},
      bare: true,
      whileSealed: true,
      unauthenticated: true,
      operations: { read: { summary: 'Read the state of the seal.', output: sealStatus } },
    },
    unseal: {
      path: 'unseal',
      summary: 'Give one share of the root key.',
      help: 'Shares are given one at a time, by whoever holds them. The share that completes the threshold unseals the server; a wrong set of shares starts over.',
      fields: {},
      bare: true,
      whileSealed: true,
      unauthenticated: true,
      operations: {
        write: {
          summary: 'Give a share, or start over.',
          input: {
            key: text('One share, hex or base64', { secret: true }),
            reset: bool('Forget the shares given so far'),
            migrate: bool('Not supported yet: refused when true'),
          },
          output: sealStatus,
        },
      },
    },
    health: {
      path: 'health',
      summary: 'Health of the server, as a status code.',
      help: '200 when it serves, 501 when it is not initialised, 503 when it is sealed. Load balancers may ask for other codes.',
      fields: {
        standbyok: bool('Accepted: every server is active'),
        perfstandbyok: bool('Accepted: every server is active'),
        activecode: statusCode('active'),
        standbycode: statusCode('on standby, which none is'),
        drsecondarycode: statusCode('a disaster-recovery secondary, which none is'),
        performancestandbycode: statusCode('a performance standby, which none is'),
        sealedcode: statusCode('sealed'),
        uninitcode: statusCode('not initialised'),
      },
      bare: true,
      whileSealed: true,
      unauthenticated: true,
      operations: {
        read: {
          summary: 'Read the health.',
          output: {
            initialized: bool('Whether the store is initialised'),
            sealed: bool('Whether the server is sealed'),
            standby: bool('Whether the server does not serve'),
            performance_standby: bool('Always false'),
            replication_performance_mode: text('disabled, or unknown while sealed'),
            replication_dr_mode: text('disabled, or unknown while sealed'),
            server_time_utc: integer('Unix time'),
            version: text('Version of the server'),
            cluster_name: text('Name of the cluster, once unsealed'),
            cluster_id: text('Id of the cluster, once unsealed'),
          },
        },
      },
    },
    leader: {
      path: 'leader',
      summary: 'Which server leads: every one of them does.',
      help: 'All servers over one store are active, so there is no leader to name.',
      fields: {},
      bare: true,
      whileSealed: true,
      unauthenticated: true,
      operations: {
        read: {
          summary: 'Read who leads.',
          output: {
            ha_enabled: bool('Always false: no server waits for another'),
            performance_standby: bool('Always false'),
            performance_standby_last_remote_wal: integer('Always 0'),
          },
        },
      },
    },
    seal: {
      path: 'seal',
      summary: 'Seal the server.',
      help: 'Forgets the root key and everything that was decrypted. Shares, or the key backend, are needed to go on.',
      fields: {},
      sudo: true,
      operations: { write: { summary: 'Seal the server.' } },
    },
    haStatus: {
      path: 'ha-status',
      summary: 'The servers over this store.',
      help: 'One entry per server.',
      fields: {},
      injected: true,
      operations: { read: { summary: 'Read the servers.', output: { nodes: any('One object per server') } } },
    },
    stepDown: {
      path: 'step-down',
      summary: 'Accepted and without effect: every server is active.',
      help: 'Exists for clients that ask a leader to step down.',
      fields: {},
      sudo: true,
      operations: { write: { summary: 'Do nothing.' } },
    },
    keyStatus: {
      path: 'key-status',
      summary: 'The newest term of the keyring.',
      help: 'New entries are sealed with the newest term; older ones stay readable.',
      fields: {},
      injected: true,
      operations: {
        read: {
          summary: 'Read the newest term.',
          output: {
            term: integer('Number of the term'),
            install_time: time('When it was made'),
            encryptions: integer('Entries this process sealed with it'),
          },
        },
      },
    },
    rotate: {
      path: 'rotate',
      summary: 'Add a term to the keyring.',
      help: 'What is stored stays as it is and readable; what is written from now on is sealed with the new term.',
      fields: {},
      sudo: true,
      operations: { write: { summary: 'Add a term.' } },
    },
    rotateKeyring: {
      path: 'rotate/keyring',
      summary: 'Add a term to the keyring.',
      help: 'The newer name of `rotate`.',
      fields: {},
      sudo: true,
      operations: { write: { summary: 'Add a term.' } },
    },
    sanitized: {
      path: 'config/state/sanitized',
      summary: 'The configuration without its secrets.',
      help: 'What the configuration file said, less keys and tokens.',
      fields: {},
      operations: { read: { summary: 'Read the configuration.', output: { config: map('The configuration') } } },
    },
  },
});
