// The secrets server without its sockets: sealed or unsealed, it answers requests; what is open only while unsealed is in unsealed.ts.

import type { Clock } from '../base/clock.ts';
import type { LockoutConfigs } from '../base/config/config.ts';
import { defaultLockout } from '../base/config/lockout.ts';
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { RandomBytes } from '../base/random.ts';
import { createRoster } from '../base/roster.ts';
import type { Cors } from '../http/cors.ts';
import type { KeyBackend } from '../keys/key-backend.ts';
import { compileContract } from '../schema/routes.ts';
import type { Storage } from '../storage/storage.ts';
import type { DeclaredDevice } from './audit/table.ts';
import { openBarrier } from './barrier/barrier.ts';
import { callerToken } from './core/caller-token.ts';
import type { EngineKind, EngineRequest, Host, OpenEngine } from './core/engine.ts';
import type { Reply, WireRequest } from './core/exchange.ts';
import { layFoundation } from './core/foundation.ts';
import type { Life } from './core/life.ts';
import type { Metrics } from './core/metrics.ts';
import { createPipeline, type Pipeline } from './core/pipeline.ts';
import { cubbyhole } from './engines/cubbyhole/kind.ts';
import { kv } from './engines/kv/kind.ts';
import { transit } from './engines/transit/kind.ts';
import { openTokenMethod } from './identity/token-method.ts';
import type { FoundToken } from './identity/tokens.ts';
import { identityKind } from './identity-store/kind.ts';
import { loginMethods } from './login-methods.ts';
import type { NewMount } from './mounts/mounts.ts';
import { type MountRecord, requestPath } from './mounts/record.ts';
import type { Mounted } from './mounts/router.ts';
import { quotaGate } from './quotas/gate.ts';
import { createKeeper } from './seal/keeper.ts';
import { openAudit } from './system/audit.ts';
import { openCors } from './system/cors.ts';
import { openExplain } from './system/explain.ts';
import { openSystem } from './system/kind.ts';
import { openLeases } from './system/leases.ts';
import { openLockedUsers } from './system/locked-users.ts';
import { openMounts } from './system/mounts.ts';
import { openOperators } from './system/operators.ts';
import { openPolicies } from './system/policies.ts';
import { type InitInput, type InitialKeys, initialize, openSeal, type SealParts, type ServerFacts, submit } from './system/seal.ts';
import { openTools } from './system/tools.ts';
import { openWrapping } from './system/wrapping.ts';
import { openUnsealed, type SystemTtl, type Unsealed } from './unsealed.ts';

export interface ServerParts {
  readonly storage: Storage;
  /** Unseals by itself; without one the server waits for shares. */
  readonly backend: KeyBackend | undefined;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly settings: ServerSettings;
}

export interface ServerSettings {
  readonly facts: ServerFacts;
  readonly ttl: SystemTtl;
  readonly cacheBytes: number;
  /** When failed logins lock users out; as in Vault by default. */
  readonly lockouts?: LockoutConfigs;
  readonly auditDirectory: string | undefined;
  readonly clusterName: string | undefined;
  /** The first root token, for development; made up otherwise. */
  readonly rootToken: string | undefined;
  /** Mounted when the store is initialised, beside those that every store has. */
  readonly firstMounts: readonly NewMount[];
  /** What `sys/config/state/sanitized` shows. */
  readonly sanitized: Readonly<Record<string, unknown>>;
  readonly auditDevices: readonly DeclaredDevice[];
}

export interface SecretsServer {
  respond(request: WireRequest): Promise<Reply>;
  /** As a write to `sys/init`. Throws Fault `invalid-request` when it is initialised. */
  initialize(input: InitInput): Promise<InitialKeys>;
  /** As a write to `sys/unseal`. */
  submitShare(share: string): Promise<void>;
  /** Resolves to false where there is no key backend, or nothing to unseal. */
  unsealWithBackend(signal: AbortSignal): Promise<boolean>;
  /** Forgets the root key; requests under way are answered first, as far as they got. */
  seal(): Promise<void>;
  /** Opens audit files anew, after they were moved away. */
  reopenAudit(): Promise<void>;
  /** Cross-origin access; undefined while sealed, and while no other origin is allowed. */
  cors(): Cors | undefined | Promise<Cors | undefined>;
  readonly sealed: boolean;
}

export function createServer(parts: ServerParts): SecretsServer {
  const { clock, random, uuid, log, metrics, settings } = parts;
  const barrier = openBarrier({ storage: parts.storage, random, clock });
  const keeper = createKeeper({ storage: parts.storage, barrier, backend: parts.backend, random, uuid });
  let unsealed: Unsealed | undefined;
  let pipeline: Pipeline | undefined;

  const open = () =>
    openUnsealed({
      barrier,
      clock,
      random,
      uuid,
      log,
      metrics,
      version: settings.facts.version,
      ttl: settings.ttl,
      lockouts: settings.lockouts ?? { all: defaultLockout, methods: {} },
      cacheBytes: settings.cacheBytes,
      auditDirectory: settings.auditDirectory,
      kinds: (made) => kindsOf(parts, sealRoutes, made),
    });
  const end = async (): Promise<void> => {
    const before = unsealed;
    unsealed = undefined;
    pipeline = undefined;
    keeper.seal();
    await before?.end();
  };
  /** The barrier is open: nothing is answered before the audit devices are there. */
  const becomeUnsealed = async (): Promise<void> => {
    let opened: Unsealed | undefined;
    try {
      opened = await open();
      await opened.audit.start(settings.auditDevices);
      opened.start();
      unsealed = opened;
      pipeline = pipelineOf(parts, sealMount, opened);
      log.info('the server is unsealed');
    } catch (thrown) {
      await opened?.end();
      await end();
      throw thrown;
    }
  };
  const populate = async (): Promise<string> => {
    await layFoundation(barrier, { random, uuid, now: clock.now(), clusterName: settings.clusterName });
    const opened = await open();
    await opened.mounts.initialize();
    for (const mount of settings.firstMounts) await opened.mounts.enable(mount);
    await opened.policies.initialize();
    const { token } = await opened.tokens.create({
      path: 'auth/token/root',
      policies: ['root'],
      displayName: 'root',
      id: settings.rootToken,
    });
    await opened.end();
    return token;
  };
  const sealParts: SealParts = {
    keeper,
    barrier,
    clock,
    facts: settings.facts,
    cluster: () => (unsealed === undefined ? undefined : { name: unsealed.foundation.clusterName, id: unsealed.foundation.clusterId }),
    populate,
    unsealed: becomeUnsealed,
    async seal() {
      await end();
      log.info('the server is sealed');
    },
    sanitized: settings.sanitized,
  };
  const sealRoutes = openSeal(sealParts);
  const sealMount = sealedMount(sealRoutes);
  const sealedPipeline = pipelineOf(parts, sealMount, undefined);

  metrics.gauge('vault_core_unsealed', () => (barrier.sealed ? 0 : 1));
  metrics.gauge('vault_core_active', () => (barrier.sealed ? 0 : 1));
  metrics.gauge('vault_cache_entries', () => unsealed?.cache.statistics.entries ?? 0);
  metrics.gauge('vault_cache_bytes', () => unsealed?.cache.statistics.bytes ?? 0);

  return {
    respond: (request) => (pipeline ?? sealedPipeline)(request),
    initialize: (input) => initialize(sealParts, input),
    submitShare: (share) => submit(sealParts, share),
    async unsealWithBackend(signal) {
      if (!(await keeper.unsealWithBackend(signal))) return false;
      await becomeUnsealed();
      return true;
    },
    seal: end,
    reopenAudit: async () => unsealed?.audit.reopen(),
    cors: () => unsealed?.cors.read(),
    get sealed() {
      return unsealed === undefined;
    },
  };
}

/** sys/ as it is while sealed, and for the routes that come before every other check. */
function sealedMount(routes: OpenEngine): Mounted {
  const record: MountRecord = {
    table: 'secret',
    path: 'sys/',
    type: 'system',
    uuid: '',
    accessor: '',
    description: '',
    options: null,
    config: { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false },
    local: false,
    sealWrap: false,
  };
  return { record, path: requestPath(record), engine: routes, routes: compileContract(routes.contract) };
}

function pipelineOf({ clock, metrics, log }: ServerParts, whileSealed: Mounted, unsealed: Unsealed | undefined): Pipeline {
  const sealed = (): never => {
    throw new Fault('sealed', 'Vault is sealed');
  };
  const common = {
    whileSealed,
    log,
    now: () => clock.monotonic(),
    observe: observer(metrics),
  };
  if (unsealed === undefined)
    return createPipeline({
      ...common,
      sealed: () => true,
      refresh: sealed,
      table: sealed,
      router: { find: sealed, open: sealed, locate: sealed, close: sealed },
      quota: sealed,
      tokens: { find: sealed, use: sealed, revoke: sealed },
      aclFor: sealed,
      subjects: { of: sealed },
      login: sealed,
      leases: { issue: sealed },
      wrap: sealed,
      audit: { active: false, request: sealed, response: sealed },
      underWay: createRoster(),
    });
  const { cache, mounts, router, tokens, policies, leases, wrapping, audit, identity, login } = unsealed;
  return createPipeline({
    ...common,
    sealed: () => false,
    refresh() {
      const waiting = cache.refresh();
      return waiting === undefined ? audit.follow() : waiting.then(() => audit.follow());
    },
    table: () => mounts.table(),
    router,
    quota: quotaGate(unsealed.quotas),
    tokens: {
      find: (token) => tokens.find(token),
      use: (found) => tokens.use(found),
      revoke: async (key) => void (await tokens.revoke(key)),
    },
    subjects: identity.subjects,
    login,
    aclFor: (names, subject) => policies.aclFor(names, subject?.templating),
    leases,
    wrap: (body, options) => wrapping.wrap(body, options),
    audit,
    underWay: unsealed.underWay,
  });
}

type Recorder = ReturnType<Metrics['recorder']>;

/** Measures each request as a whole, and by mount and operation. */
function observer(metrics: Metrics): (life: Life, milliseconds: number) => void {
  const all = metrics.recorder('vault_core_handle_request');
  const byMount = new WeakMap<MountRecord, Map<Life['operation'], Recorder>>();
  const recorderOf = (mount: MountRecord, operation: Life['operation']): Recorder => {
    const known = byMount.get(mount) ?? new Map<Life['operation'], Recorder>();
    byMount.set(mount, known);
    const recorder = known.get(operation) ?? metrics.recorder(`vault_route_${operation}`, { mount_point: requestPath(mount) });
    known.set(operation, recorder);
    return recorder;
  };
  return ({ mount, operation }, milliseconds) => {
    all(milliseconds);
    if (mount !== undefined) recorderOf(mount, operation)(milliseconds);
  };
}

function kindsOf(parts: ServerParts, sealRoutes: OpenEngine, unsealed: Unsealed): EngineKind[] {
  const { router, mounts } = unsealed;
  const contracts = async () => {
    const { mounts: records } = await mounts.table();
    const opened = await Promise.all(records.map((record) => router.open(record)));
    return opened.map(({ path, engine: { contract } }) => ({ path, contract }));
  };
  return [
    kv,
    transit,
    cubbyhole,
    ...loginMethods(unsealed),
    identityKind({
      ...unsealed.identity,
      uuid: parts.uuid,
      mounts: async () => (await mounts.table()).mounts.map((record) => ({ ...record, path: requestPath(record) })),
    }),
    { type: 'system', table: 'secret', description: 'the server itself', open: () => systemEngine(parts, sealRoutes, unsealed, contracts) },
    { type: 'token', table: 'auth', description: 'token based credentials', open: (host) => tokenEngine(parts, unsealed, host) },
  ];
}

function systemEngine(
  { storage, random, clock, uuid, log, metrics, settings }: ServerParts,
  sealRoutes: OpenEngine,
  unsealed: Unsealed,
  contracts: Parameters<typeof openTools>[0]['contracts'],
): OpenEngine {
  const { mounts, router, policies, tokens, leases, wrapping, audit, retirement, aclOf, resumeRevocations } = unsealed;
  const aclOfEntry = unsealed.aclOfToken;
  const { version } = settings.facts;
  const hasSudo = async (request: EngineRequest, path: string) => (await aclOf(request))?.hasSudo(path) === true;
  const accessorOf = async (wanted: string) => (await mounts.table()).mounts.find((mount) => mount.uuid === wanted)?.accessor;
  const aclOfFound = async (found: FoundToken | undefined) => (found === undefined ? undefined : aclOfEntry(found.entry));
  const acls = {
    policies,
    aclOf,
    aclOfToken: async (token: string) => aclOfFound(await tokens.find(token)),
    aclOfAccessor: async (accessor: string) => aclOfFound(await tokens.byAccessor(accessor)),
  };
  const routeOf = async (path: string) => {
    const mounted = await router.find(await mounts.table(), path);
    return mounted?.routes.match(path.slice(mounted.path.length))?.route.spec;
  };
  return openSystem({
    seal: sealRoutes,
    mounts: openMounts({
      mounts,
      router,
      version,
      uuid,
      systemTtl: () => settings.ttl,
      aclOf,
      retire: (mount) => retirement.retire(mount),
    }),
    policies: openPolicies(acls),
    explain: openExplain({ ...acls, routeOf }),
    leases: openLeases({ leases, clock, hasSudo, accessorOf, tidy: () => void resumeRevocations() }),
    wrapping: openWrapping({ wrapping, aclOf, callerToken }),
    audit: openAudit(audit),
    cors: openCors(unsealed.cors),
    lockedUsers: openLockedUsers({ lockout: unsealed.lockout, table: () => mounts.table() }),
    ...openOperators({ storage, clock, random, uuid, log, version }, unsealed),
    tools: openTools({ random, version, metrics, contracts, versions: unsealed.versions }),
  });
}

function tokenEngine(
  { clock }: ServerParts,
  { tokens, tokenRoles, policies, aclOf, identity, resumeRevocations }: Unsealed,
  { mount }: Host,
): OpenEngine {
  return openTokenMethod({
    tokens,
    roles: tokenRoles,
    identity,
    mount,
    clock,
    policyExists: async (name) => (await policies.get(name)) !== undefined,
    hasSudo: async (request, path) => (await aclOf(request))?.hasSudo(path) === true,
    callerToken,
    tidy: () => void resumeRevocations(),
  });
}
