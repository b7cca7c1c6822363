// The stage machine that k3s and RKE2 have for their own encryption at rest: read from Node annotations, told in their words.

import { Fault } from '../../base/fault.ts';
import { sha256Hex } from '../../crypto/hash.ts';

/** In the order of a rotation (k3s-io/k3s, pkg/secretsencrypt/config.go). */
export const k3sStages = ['start', 'prepare', 'rotate', 'reencrypt_request', 'reencrypt_active', 'reencrypt_finished'] as const;

export type K3sStage = (typeof k3sStages)[number];

/** A server's Node, with its annotation `k3s.io/encryption-config-hash` (`rke2.io/…`). */
export interface K3sServer {
  readonly name: string;
  readonly annotation?: string | undefined;
}

/** What `k3s secrets-encrypt status -o json` tells, under its names. */
export interface K3sStatus {
  /** undefined: there is no configuration file. */
  readonly enable?: boolean | undefined;
  readonly stage: string;
  readonly hashmatch: boolean;
  readonly hasherror?: string | undefined;
  /** Type and name: `AES-CBC aescbckey`. */
  readonly activekey: string;
  readonly inactivekeys: readonly string[];
}

export interface K3sFacts {
  /** All servers; the one whose file it is comes first. */
  readonly servers: readonly [K3sServer, ...K3sServer[]];
  /** `…/server/cred/encryption-config.json` of the first server; undefined when it is not there. */
  readonly file?: Uint8Array | undefined;
}

/** Throws Fault `corrupted` for an annotation of another shape. */
export function readStage({ name, annotation }: K3sServer): { readonly stage: K3sStage; readonly hash: string } | undefined {
  if (annotation === undefined) return undefined;
  const [stage, hash, ...rest] = annotation.split('-');
  const known = k3sStages.find((each) => each === stage);
  if (known === undefined || hash === undefined || rest.length > 0)
    throw new Fault(
      'corrupted',
      `the annotation encryption-config-hash of the node ${name} is neither a stage nor a hash: see the log of its server`,
    );
  return { stage: known, hash };
}

/** Whether no rotation is under way: its file is read and left alone in between. */
export function isIdle(stage: K3sStage): boolean {
  return stage === 'start' || stage === 'reencrypt_finished';
}

/** Throws Fault `corrupted` when the file is no configuration of k3s; keys are named, never shown. */
export function k3sStatus({ servers, file }: K3sFacts): K3sStatus {
  const stage = readStage(servers[0])?.stage ?? '';
  if (file === undefined) return { stage, hashmatch: false, activekey: '', inactivekeys: [] };
  const providers = providersOf(file);
  const hasherror = hashProblem(servers, file);
  const active = providers[0]?.keys[0];
  const others = providers.flatMap(({ keys }) => keys).filter((key) => key !== active);
  return {
    enable: providers[0]?.type !== 'identity',
    stage,
    hashmatch: hasherror === undefined,
    hasherror,
    activekey: active ?? '',
    inactivekeys: others,
  };
}

/** The text that `k3s secrets-encrypt status` prints. */
export function k3sStatusText(status: K3sStatus): string {
  if (status.enable === undefined) return 'Encryption Status: Disabled, no configuration file found\n';
  const keys = [
    ...(status.activekey === '' ? [] : [` *      ${keyColumns(status.activekey)}`]),
    ...status.inactivekeys.map((key) => `        ${keyColumns(key)}`),
  ];
  return [
    `Encryption Status: ${status.enable ? 'Enabled' : 'Disabled'}`,
    `Current Rotation Stage: ${status.stage}`,
    `Server Encryption Hashes: ${status.hashmatch ? 'All hashes match' : (status.hasherror ?? '')}`,
    '',
    `Active  ${keyColumns('Key Type Name')}`,
    `------  ${keyColumns('-------- ----')}`,
    ...keys,
    '',
  ].join('\n');
}

const keyTypes = ['AES-CBC', 'XSalsa20-POLY1305', 'Key Type', '--------'];

function keyColumns(key: string): string {
  const type = keyTypes.find((each) => key.startsWith(`${each} `)) ?? '';
  return `${type.padEnd(17)}  ${key.slice(type.length).trim()}`;
}

/** The first sentence is k3s' own; the second one is what it finds when the next stage is asked for. */
function hashProblem(servers: K3sFacts['servers'], file: Uint8Array): string | undefined {
  const told = servers.filter(({ annotation }) => annotation !== undefined);
  const other = told.find(({ annotation }) => annotation !== told[0]?.annotation);
  if (other !== undefined) return `hash does not match between ${told[0]?.name} and ${other.name}`;
  const own = readStage(servers[0]);
  // While it re-encrypts the hash is of a request, not of the file.
  if (own === undefined || own.stage === 'reencrypt_request' || own.stage === 'reencrypt_active') return undefined;
  return own.hash === sha256Hex(file) ? undefined : `invalid hash: the file of ${servers[0].name} is not the one that it told of`;
}

interface NamedProvider {
  readonly type: string;
  readonly keys: readonly string[];
}

function providersOf(file: Uint8Array): readonly NamedProvider[] {
  const content = parsed(file) as { resources?: readonly { providers?: readonly Record<string, unknown>[] }[] } | undefined;
  const providers = content?.resources?.[0]?.providers;
  if (!Array.isArray(providers) || providers.length === 0)
    throw new Fault('corrupted', 'the encryption configuration of k3s has no providers: see the log of its server');
  return providers.map((provider: Record<string, unknown>) => {
    const type = Object.keys(provider)[0] ?? '';
    const keys = (provider[type] as { keys?: readonly { name?: string }[] } | null)?.keys ?? [];
    const label = type === 'secretbox' ? 'XSalsa20-POLY1305' : 'AES-CBC';
    return { type, keys: keys.map(({ name }) => `${label} ${name ?? ''}`) };
  });
}

function parsed(file: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(file).toString());
  } catch {
    // The parser's own message shows the text, and keys stand in it.
    throw new Fault('corrupted', 'the encryption configuration of k3s is no JSON: see the log of its server');
  }
}
