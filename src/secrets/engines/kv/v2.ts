// KV version 2: handlers of all its routes.

import { kvV2 } from '../../../api/kv-v2.ts';
import { formatGoDuration } from '../../../base/durations.ts';
import { Fault } from '../../../base/fault.ts';
import { rfc3339 } from '../../../base/times.ts';
import type { Transaction } from '../../../storage/storage.ts';
import { type Answer, type EngineRequest, engine, type Host, type OpenEngine } from '../../core/engine.ts';
import { mergePatch, skeleton } from './merge.ts';
import { changeSettings, type MetadataInput } from './metadata.ts';
import { scan } from './scan.ts';
import {
  configKey,
  decode,
  decodeSecret,
  describeVersion,
  encode,
  encodeSecret,
  isDeleted,
  isSecret,
  newSecret,
  type Secret,
  type SecretData,
  secretKey,
  secretPrefix,
  timeOrEmpty,
  versionKey,
} from './secret.ts';
import { addVersion, changeVersions, checkCas, defaultSettings, type MountSettings } from './versions.ts';

interface Read {
  readonly path?: string | undefined;
  readonly version?: number | undefined;
}

interface Write {
  readonly path?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

export function openV2(host: Host): OpenEngine {
  const { storage, clock } = host;
  /** Answers of newest versions, made once per stored state. */
  const answers = new WeakMap<Secret, Answer>();

  const settings = async (): Promise<MountSettings> =>
    (await host.cached(configKey, (bytes) => decode(bytes) as MountSettings)) ?? defaultSettings;
  /** Right after an upgrade a process may still remember what stood there as version 1. */
  const freshSecret = async (path: string): Promise<Secret | undefined> => {
    const stored = await storage.get(secretKey(path));
    return stored === undefined ? undefined : decodeSecret(stored);
  };
  const cachedSecret = (path: string): Secret | undefined | Promise<Secret | undefined> => {
    const found = host.cached(secretKey(path), decodeSecret);
    return found === undefined || found instanceof Promise || isSecret(found) ? found : freshSecret(path);
  };

  /** Runs after all earlier changes of this secret. `before` is shared: `change` makes another one of it. */
  const edit = <T>(path: string, change: (before: Secret | undefined, transaction: Transaction) => T): Promise<T> => {
    if (path === '') throw new Fault('invalid-request', 'missing path');
    return host.serialise(path, () =>
      storage.transact(async (transaction) => change(await host.cachedWithin(transaction, secretKey(path), decodeSecret), transaction)),
    );
  };
  const put = (transaction: Transaction, path: string, secret: Secret): Secret => {
    host.putCached(transaction, secretKey(path), secret, encodeSecret);
    return secret;
  };

  const readLatest = (secret: Secret): Answer | undefined => {
    const state = secret.versions.get(secret.current);
    if (state === undefined) return undefined;
    const gone = state.destroyed || isDeleted(state, clock.now());
    const known = gone ? undefined : answers.get(secret);
    if (known !== undefined) return known;
    const answer = answerOf(secret, secret.current, gone ? undefined : (secret.data ?? null));
    if (!gone) answers.set(secret, answer);
    return answer;
  };
  const readVersion = async (path: string, secret: Secret, number: number): Promise<Answer | undefined> => {
    const state = secret.versions.get(number);
    if (state === undefined) return undefined;
    if (state.destroyed || isDeleted(state, clock.now())) return answerOf(secret, number, undefined);
    const found = await host.cached(versionKey(path, number), (bytes) => ({ data: decode(bytes) as SecretData }));
    return answerOf(secret, number, found?.data ?? null);
  };
  const read = async ({ path = '', version = 0 }: Read): Promise<Answer | undefined> => {
    const secret = await cachedSecret(path);
    if (secret === undefined) return undefined;
    return version === 0 || version === secret.current ? readLatest(secret) : readVersion(path, secret, version);
  };

  const write = async ({ path = '', data, options }: Write, request: EngineRequest): Promise<Answer> => {
    if (data === undefined) throw new Fault('invalid-request', 'no data provided');
    const mount = await settings();
    const after = await edit(path, (before, transaction) => {
      const secret = before ?? newSecret(clock.now());
      checkCas(secret, mount, options);
      const given = request.data['data'] === null ? null : data;
      return put(transaction, path, addVersion(transaction, path, secret, { data: given, settings: mount, now: clock.now() }));
    });
    return newestMetadata(after);
  };
  const patch = async ({ path = '', data, options }: Write): Promise<Answer> => {
    if (data === undefined) throw new Fault('invalid-request', 'no data provided');
    const mount = await settings();
    const after = await edit(path, (before, transaction) => {
      const state = before?.versions.get(before.current);
      if (before === undefined || state === undefined || state.destroyed || isDeleted(state, clock.now())) return undefined;
      checkCas(before, mount, options);
      const merged = mergePatch(before.data, data);
      return put(transaction, path, addVersion(transaction, path, before, { data: merged, settings: mount, now: clock.now() }));
    });
    return after === undefined ? { status: 404 } : newestMetadata(after);
  };

  const hide = (path: string, numbersOf: (secret: Secret) => readonly number[]) =>
    edit(path, (before, transaction) => {
      if (before === undefined) return;
      const now = clock.now();
      const after = changeVersions(before, numbersOf(before), (state) =>
        state.destroyed || isDeleted(state, now) ? state : { ...state, deletion: now },
      );
      put(transaction, path, after);
    });
  const show = (path: string, numbers: readonly number[]) =>
    edit(path, (before, transaction) => {
      if (before === undefined) return;
      put(
        transaction,
        path,
        changeVersions(before, numbers, (state) => (state.destroyed ? state : { ...state, deletion: 0 })),
      );
    });
  const destroy = (path: string, numbers: readonly number[]) =>
    edit(path, (before, transaction) => {
      if (before === undefined) return;
      const { data, ...rest } = changeVersions(before, numbers, (state) => ({ ...state, destroyed: true }));
      for (const number of numbers)
        if (number !== before.current && before.versions.has(number)) transaction.delete(versionKey(path, number));
      put(transaction, path, numbers.includes(before.current) || data === undefined ? rest : { ...rest, data });
    });
  const remove = (path: string) =>
    edit(path, (before, transaction) => {
      if (before === undefined) return;
      for (const number of before.versions.keys()) transaction.delete(versionKey(path, number));
      transaction.delete(secretKey(path));
    });
  const change = (path: string, input: MetadataInput, patching: boolean) =>
    edit(path, (before, transaction) => {
      if (before === undefined && patching) return false;
      put(transaction, path, changeSettings(before ?? newSecret(clock.now()), input, patching));
      return true;
    });

  return engine<typeof kvV2>({
    contract: kvV2,
    handlers: {
      config: {
        read: async () => {
          const mount = await settings();
          return {
            data: {
              cas_required: mount.casRequired,
              delete_version_after: formatGoDuration(mount.deleteAfter),
              max_versions: mount.maxVersions,
              metadata_cas_required: false,
            },
          };
        },
        write: async (input) => {
          await storage.transact(async (transaction) => {
            const stored = await transaction.get(configKey);
            const before = stored === undefined ? defaultSettings : (decode(stored) as MountSettings);
            const after: MountSettings = {
              maxVersions: (input.max_versions ?? before.maxVersions) >>> 0,
              casRequired: input.cas_required ?? before.casRequired,
              deleteAfter: input.delete_version_after ?? before.deleteAfter,
            };
            transaction.put(configKey, encode(after));
          });
          return undefined;
        },
      },
      data: {
        exists: async ({ path = '' }) => (await cachedSecret(path)) !== undefined,
        read,
        write,
        patch,
        delete: async ({ path = '' }) => void (await hide(path, (secret) => [secret.current])),
      },
      delete: {
        write: async ({ path = '', versions }) => {
          const numbers = named(versions);
          await hide(path, () => numbers);
          return undefined;
        },
      },
      undelete: { write: async ({ path = '', versions }) => void (await show(path, named(versions))) },
      destroy: { write: async ({ path = '', versions }) => void (await destroy(path, named(versions))) },
      subkeys: {
        read: async ({ path, version, depth = 0 }) => {
          const answer = await read({ path, version });
          const data = answer?.data as { readonly data: SecretData; readonly metadata: unknown } | undefined;
          if (answer === undefined || data === undefined) return undefined;
          return { ...answer, data: { metadata: data.metadata, subkeys: data.data === null ? null : skeleton(data.data, depth) } };
        },
      },
      metadata: {
        exists: async ({ path = '' }) => (await cachedSecret(path)) !== undefined,
        read: async ({ path = '' }) => {
          const secret = await cachedSecret(path);
          return secret === undefined ? undefined : { data: describeSecret(secret) };
        },
        write: async ({ path = '', ...input }) => void (await change(path, input, false)),
        patch: async ({ path = '', ...input }) => ((await change(path, input, true)) ? undefined : { status: 404 }),
        delete: async ({ path = '' }) => void (await remove(path)),
        list: async ({ path = '' }) => ({ data: { keys: await storage.list(secretPrefix + path) } }),
        scan: async ({ path = '' }, { signal }) => ({ data: { keys: await scan(storage, secretPrefix + path, signal) } }),
      },
      misplaced: {
        read: () => misplaced('get'),
        write: () => misplaced('put'),
        patch: () => misplaced('patch'),
        delete: () => misplaced('delete'),
        list: () => misplaced('list'),
        scan: () => misplaced('list'),
      },
    },
  });
}

/** `data` undefined: the version is deleted or destroyed, and the answer is a 404 that still says so. */
function answerOf(secret: Secret, number: number, data: SecretData | undefined): Answer {
  const metadata = describeVersion(secret, number, secret.versions.get(number) as NonNullable<ReturnType<Secret['versions']['get']>>);
  return data === undefined ? { status: 404, data: { data: null, metadata } } : { data: { data, metadata } };
}

function newestMetadata(secret: Secret): Answer {
  const state = secret.versions.get(secret.current) as NonNullable<ReturnType<Secret['versions']['get']>>;
  return { data: describeVersion(secret, secret.current, state) };
}

function describeSecret(secret: Secret): Record<string, unknown> {
  return {
    cas_required: secret.casRequired,
    created_time: rfc3339(secret.created),
    current_metadata_version: secret.metadataVersion,
    current_version: secret.current,
    custom_metadata: secret.custom,
    delete_version_after: formatGoDuration(secret.deleteAfter),
    max_versions: secret.maxVersions,
    metadata_cas_required: false,
    oldest_version: secret.oldest,
    updated_time: rfc3339(secret.updated),
    versions: Object.fromEntries(
      [...secret.versions].map(([number, { created, deletion, destroyed }]) => [
        number,
        { created_time: rfc3339(created), deletion_time: timeOrEmpty(deletion), destroyed },
      ]),
    ),
  };
}

function named(versions: readonly number[] | undefined): readonly number[] {
  if (versions === undefined || versions.length === 0) throw new Fault('invalid-request', 'No version number provided');
  return versions;
}

function misplaced(command: string): Answer {
  return {
    status: 404,
    warnings: [
      `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Casemate CLI, use 'casemate kv ${command}' for this operation.`,
    ],
  };
}
