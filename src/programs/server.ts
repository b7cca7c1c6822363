// The secrets server as a program: `server` runs what a configuration says, `server -dev` one in memory, `start` the development server.

import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../base/config/files.ts';
import { asFault, Fault } from '../base/fault.ts';
import { randomBase62 } from '../base/random.ts';
import { apiVersion } from '../base/version.ts';
import { systemRandom } from '../crypto/random.ts';
import type { SecretsServer } from '../secrets/server.ts';
import { openLmdb } from '../storage/backends/lmdb.ts';
import { openMemory } from '../storage/backends/memory.ts';
import { banner } from './server/banner.ts';
import { partsOf } from './server/configured.ts';
import { firstMounts, openDataFolder, prepareDevelopment } from './server/development.ts';
import { type ProcessParts, processLog, serverFacts, startProcess } from './server/process.ts';

const month = 768 * 3600;
const cacheBytes = 64 * 2 ** 20;

export const serverUsage = `Usage: casemate server -config=PATH [-config=PATH ...] [-log-level=LEVEL]
       casemate server -dev [-dev-root-token-id=TOKEN] [-dev-listen-address=HOST:PORT]

  Runs the secrets server. With a configuration it starts sealed and is unsealed
  through the API or by its seal stanza; with -dev it runs unsealed, in memory,
  with a KV store at secret/ and a root token.

      $ casemate server -config=/etc/casemate/server.hcl
      $ casemate server -dev -dev-root-token-id=root

  -config=PATH                   A file (HCL or JSON), or a folder of them; may be repeated
  -dev                           Runs in memory, unsealed
  -dev-root-token-id=TOKEN       The root token of -dev; made up when not given
  -dev-listen-address=HOST:PORT  Where -dev listens; 127.0.0.1:8200 by default
  -log-level=LEVEL               trace, debug, info, warn or error
`;

export const startUsage = `Usage: casemate start [-data=FOLDER] [-address=HOST:PORT] [-log-level=LEVEL]

  Runs the development server: a store on disk that unseals itself. The first
  start makes it, mounts a KV store at secret/, and writes the root token to the
  file root-token in the data folder.

      $ casemate start
      $ casemate start -data=/tmp/casemate -address=127.0.0.1:8300

  -data=FOLDER        Where everything lies; CASEMATE_HOME, or .casemate here, by default
  -address=HOST:PORT  Where it listens; 127.0.0.1:8200 by default
  -log-level=LEVEL    trace, debug, info, warn or error; warn by default
`;

/** Resolves to the exit code, when the server has ended. */
export function serve(words: readonly string[]): Promise<number> {
  return asProgram(serverUsage, words, async () => {
    const flags = flagsOf(words, {
      config: many,
      dev: flag,
      'dev-root-token-id': one,
      'dev-listen-address': one,
      'dev-no-store-token': flag,
      'log-level': one,
    });
    if (flags.dev === true)
      await serveInMemory(text(flags['dev-root-token-id']), text(flags['dev-listen-address']), text(flags['log-level']));
    else await serveConfigured(flags.config as string[] | undefined, text(flags['log-level']));
  });
}

/** Resolves to the exit code, when the server has ended. */
export function start(words: readonly string[]): Promise<number> {
  return asProgram(startUsage, words, async () => {
    const flags = flagsOf(words, { data: one, address: one, 'log-level': one });
    const { host, port } = addressOf(text(flags.address) ?? '127.0.0.1:8200');
    const folder = openDataFolder(resolve(text(flags.data) ?? process.env['CASEMATE_HOME'] ?? '.casemate'));
    const log = processLog(levelOf(text(flags['log-level']) ?? 'warn'));
    const parts: ProcessParts = {
      storage: await openLmdb({ path: folder.store }),
      backend: folder.backend,
      listenAt: [{ host, port }],
      log,
      settings: { ...developmentSettings('lmdb', host, port), rootToken: folder.rootToken, auditDirectory: folder.path },
    };
    let isNew = false;
    const running = await startProcess(parts, async (server) => {
      isNew = await prepareDevelopment(server);
    });
    tell(running.addresses, { dataFolder: folder.path, rootTokenFile: folder.rootTokenFile, isNew });
    await running.untilEnd();
  });
}

async function serveConfigured(paths: readonly string[] | undefined, level: string | undefined): Promise<void> {
  if (paths === undefined) throw new Fault('usage', 'name a configuration with -config=PATH, or run a development server with -dev');
  const { config, warnings } = await loadConfig(paths);
  const log = processLog(levelOf(level ?? config.logLevel));
  for (const warning of warnings) log.warn('the configuration holds something without effect', { warning });
  const running = await startProcess(await partsOf(config, process.env, log), async (server) => {
    await unsealIfPossible(server);
  });
  if (config.pidFile !== undefined) writeFileSync(config.pidFile, `${process.pid}\n`);
  for (const { host, port } of running.addresses) log.info('the server listens', { host, port, sealed: running.server.sealed });
  await running.untilEnd();
}

/** A server with shares, or one that is not initialised yet, waits for people. */
async function unsealIfPossible(server: SecretsServer): Promise<void> {
  await server.unsealWithBackend(AbortSignal.timeout(60_000));
}

async function serveInMemory(rootToken: string | undefined, address: string | undefined, level: string | undefined): Promise<void> {
  const { host, port } = addressOf(address ?? '127.0.0.1:8200');
  const token = rootToken ?? `hvs.${randomBase62(systemRandom, 24)}`;
  const log = processLog(levelOf(level ?? 'info'));
  const settings = { ...developmentSettings('inmem', host, port), rootToken: token };
  const running = await startProcess(
    { storage: openMemory(), backend: undefined, listenAt: [{ host, port }], log, settings },
    async (server) => {
      const { keys } = await server.initialize({ secret_shares: 1, secret_threshold: 1 });
      await server.submitShare(keys[0] as string);
    },
  );
  tell(running.addresses, { rootToken: token, isNew: true });
  await running.untilEnd();
}

function developmentSettings(storageType: string, host: string, port: number): ProcessParts['settings'] {
  return {
    facts: serverFacts(apiVersion, storageType, `http://${host}:${port}`),
    ttl: { default: month, max: month },
    cacheBytes,
    auditDirectory: undefined,
    auditDevices: [],
    clusterName: undefined,
    openMetrics: true,
    rootToken: undefined,
    firstMounts,
    sanitized: { storage: { type: storageType } },
  };
}

function tell(
  addresses: readonly { readonly host: string; readonly port: number }[],
  facts: { readonly dataFolder?: string; readonly rootTokenFile?: string; readonly rootToken?: string; readonly isNew: boolean },
): void {
  const [{ host, port }] = addresses as [{ readonly host: string; readonly port: number }];
  const { dataFolder, rootTokenFile, rootToken, isNew } = facts;
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  process.stdout.write(
    banner({ address, dataFolder, rootTokenFile, rootToken, isNew, command: process.env['CASEMATE_INVOKED_AS'] ?? 'bin/casemate' }),
  );
}

const one = { type: 'string' } as const;
const many = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean' } as const;

type FlagValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** Go's flags begin with one dash or two. Throws Fault `usage`. */
function flagsOf(words: readonly string[], options: Readonly<Record<string, typeof one | typeof many | typeof flag>>): FlagValues {
  try {
    return parseArgs({ args: words.map((word) => word.replace(/^-(?=[a-z])/, '--')), options, strict: true }).values;
  } catch (thrown) {
    throw new Fault('usage', asFault(thrown).message === 'internal error' ? (thrown as Error).message : asFault(thrown).message);
  }
}

function text(value: FlagValues[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function addressOf(given: string): { host: string; port: number } {
  const parsed = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(given);
  const port = Number(parsed?.[3]);
  if (parsed === null || port > 65_535)
    throw new Fault('usage', `${given} is no address to listen on: give HOST:PORT, such as 127.0.0.1:8200`);
  return { host: parsed[1] ?? parsed[2] ?? '', port };
}

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;

function levelOf(given: string): (typeof levels)[number] {
  const level = levels.find((one) => one === given);
  if (level === undefined) throw new Fault('usage', `there is no log level ${given}: use ${levels.join(', ')}`);
  return level;
}

/** Faults are told in one sentence; anything else is a fault of the program and shows its stack. */
async function asProgram(usage: string, words: readonly string[], run: () => Promise<void>): Promise<number> {
  if (words.some((word) => ['-h', '-help', '--help', 'help'].includes(word))) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    await run();
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    return 1;
  }
}
