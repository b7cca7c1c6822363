// The secrets server as a program: `server` runs what a configuration says, `server -dev` one in memory, `start` the development server.

import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfig } from '../base/config/files.ts';
import { Fault } from '../base/fault.ts';
import { randomBase62 } from '../base/random.ts';
import { apiVersion } from '../base/version.ts';
import { bool, text, texts } from '../cli/flags.ts';
import { programHelp } from '../cli/help.ts';
import { asProgram, flagsAlone } from '../cli/program.ts';
import { systemRandom } from '../crypto/random.ts';
import { openLmdb } from '../storage/backends/lmdb.ts';
import { openMemory } from '../storage/backends/memory.ts';
import { banner } from './server/banner.ts';
import { partsOf } from './server/configured.ts';
import { firstMounts, openDataFolder, prepareDevelopment } from './server/development.ts';
import { type ProcessParts, processLog, serverFacts, startProcess } from './server/process.ts';
import { unsealOrKeepTrying } from './server/unsealing.ts';

const month = 768 * 3600;
const cacheBytes = 64 * 2 ** 20;

const serveFlags = {
  config: texts('A file in HCL or JSON, or a folder of them. Can be given several times.'),
  dev: bool('Run in memory, unsealed, with a KV store at secret/.'),
  'dev-root-token-id': text('The root token of -dev; made up when left out.'),
  'dev-listen-address': text('Where -dev listens.', { default: '127.0.0.1:8200' }),
  'dev-no-store-token': bool('Accepted: the token is never stored.', { hidden: true }),
  'log-level': text('trace, debug, info, warn or error; that of the configuration when left out.'),
} as const;

const startFlags = {
  data: text('Folder where everything lies; CASEMATE_HOME, or .casemate in this folder, when left out.'),
  address: text('Where it listens.', { default: '127.0.0.1:8200' }),
  'log-level': text('trace, debug, info, warn or error.', { default: 'warn' }),
} as const;

/** Resolves to the exit code, when the server has ended. */
export function serve(words: readonly string[]): Promise<number> {
  return asProgram(serverHelp, words, async () => {
    const { config, dev, ...others } = flagsAlone(serveFlags, words);
    if (dev) await serveInMemory(others['dev-root-token-id'], others['dev-listen-address'], others['log-level']);
    else await serveConfigured(config, others['log-level']);
  });
}

/** Resolves to the exit code, when the server has ended. */
export function start(words: readonly string[]): Promise<number> {
  return asProgram(startHelp, words, async () => {
    const { data, address, 'log-level': level } = flagsAlone(startFlags, words);
    const { host, port } = addressOf(address);
    const folder = openDataFolder(resolve(data ?? process.env['CASEMATE_HOME'] ?? '.casemate'));
    const log = processLog(levelOf(level));
    const parts: ProcessParts = {
      storage: await openLmdb({ path: folder.store }),
      backend: folder.backend,
      listenAt: [{ host, port, opens: 'metrics' }],
      log,
      settings: { ...developmentSettings('lmdb', host, port), rootToken: folder.rootToken, auditDirectory: folder.audit },
    };
    let isNew = false;
    const running = await startProcess(parts, async (server) => {
      isNew = await prepareDevelopment(server);
    });
    const ended = running.untilEnd();
    tell(running.addresses, { dataFolder: folder.path, rootTokenFile: folder.rootTokenFile, isNew });
    await ended;
  });
}

async function serveConfigured(paths: readonly string[], level: string | undefined): Promise<void> {
  if (paths.length === 0) throw new Fault('usage', 'name a configuration with -config=PATH, or run a development server with -dev');
  const { config, warnings } = await loadConfig(paths);
  const log = processLog(levelOf(level ?? config.logLevel));
  for (const warning of warnings) log.warn('the configuration holds something without effect', { warning });
  const ending = new AbortController();
  const running = await startProcess(await partsOf(config, process.env, log), (server) => unsealOrKeepTrying(server, log, ending.signal));
  const ended = running.untilEnd().finally(() => ending.abort(new Error('the server ended')));
  if (config.pidFile !== undefined) writeFileSync(config.pidFile, `${process.pid}\n`);
  for (const { host, port } of running.addresses) log.info('the server listens', { host, port, sealed: running.server.sealed });
  await ended;
  if (config.pidFile !== undefined) rmSync(config.pidFile, { force: true });
}

async function serveInMemory(rootToken: string | undefined, address: string, level: string | undefined): Promise<void> {
  const { host, port } = addressOf(address);
  const token = rootToken ?? `hvs.${randomBase62(systemRandom, 24)}`;
  const log = processLog(levelOf(level ?? 'info'));
  const settings = { ...developmentSettings('inmem', host, port), rootToken: token };
  const running = await startProcess(
    { storage: openMemory(), backend: undefined, listenAt: [{ host, port, opens: 'metrics' }], log, settings },
    async (server) => {
      const { keys } = await server.initialize({ secret_shares: 1, secret_threshold: 1 });
      await server.submitShare(keys[0] as string);
    },
  );
  const ended = running.untilEnd();
  tell(running.addresses, { rootToken: token, isNew: true });
  await ended;
}

function developmentSettings(storageType: string, host: string, port: number): ProcessParts['settings'] {
  return {
    facts: serverFacts(apiVersion, storageType, `http://${host}:${port}`),
    ttl: { default: month, max: month },
    cacheBytes,
    auditDirectory: undefined,
    auditDevices: [],
    clusterName: undefined,
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
    banner({ address, dataFolder, rootTokenFile, rootToken, isNew, command: process.env['CASEMATE_COMMAND'] ?? 'bin/casemate' }),
  );
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

export const serverHelp = (name: string): string =>
  programHelp(`${name} server [options]`, {
    help: 'Runs the secrets server. With a configuration it starts sealed, and is unsealed through the API or by its seal stanza; with -dev it runs unsealed, in memory, with a KV store at secret/ and a root token.',
    examples: { 'Run what a configuration says': 'server -config=server.hcl', 'Try it out': 'server -dev -dev-root-token-id=root' },
    flags: serveFlags,
  });

export const startHelp = (name: string): string =>
  programHelp(`${name} start [options]`, {
    help: 'Runs the development server: a store on disk that unseals itself. The first start makes it, mounts a KV store at secret/, and writes the root token to the file root-token in the data folder.',
    examples: { 'Run it beside another': 'start -data=second -address=127.0.0.1:8300' },
    flags: startFlags,
  });
