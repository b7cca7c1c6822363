// A secrets server as a process: opens its sockets, lives until it is told to end, and answers what is under way before it does.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { jsonLog, type Log, type LogLevel } from '../../base/log.ts';
import { systemRandom, systemUuid } from '../../crypto/random.ts';
import { createListener, defaultLimits, type Listener, type ListenerLimits, type TlsOptions } from '../../http/listener.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { createMetrics } from '../../secrets/core/metrics.ts';
import { createServer, type SecretsServer, type ServerSettings } from '../../secrets/server.ts';
import { wireHandler } from '../../secrets/wire/handler.ts';
import type { Backend } from '../../storage/storage.ts';

export interface ListenAt {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsOptions;
  readonly limits?: Partial<ListenerLimits>;
  readonly maxBodyBytes?: number;
  /** Answered without a token here. */
  readonly opens?: 'metrics';
}

export interface ProcessParts {
  readonly storage: Backend;
  readonly backend: KeyBackend | undefined;
  readonly settings: ServerSettings;
  readonly listenAt: readonly ListenAt[];
  readonly log: Log;
}

export interface ServerProcess {
  readonly server: SecretsServer;
  /** Where it listens, in the order of `listenAt`. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Resolves when it has ended after SIGTERM or SIGINT, with everything answered and closed. */
  untilEnd(): Promise<void>;
  end(): Promise<void>;
}

/** Milliseconds for requests under way once the end has been asked for. */
const grace = 10_000;

/** Opens the sockets last, so that nobody is answered by half a server. Throws Faults in one sentence. */
export async function startProcess(parts: ProcessParts, prepare: (server: SecretsServer) => Promise<void>): Promise<ServerProcess> {
  const { storage, log } = parts;
  const server = createServer({
    storage,
    backend: parts.backend,
    clock: systemClock,
    random: systemRandom,
    uuid: systemUuid,
    log,
    metrics: createMetrics(),
    settings: parts.settings,
  });
  const listeners: Listener[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.drain(grace)));
    await server.seal();
    await storage.close();
  };
  try {
    await prepare(server);
    const addresses = [];
    for (const { host, port, tls, limits, maxBodyBytes, opens } of parts.listenAt) {
      const handle = wireHandler({
        respond: (request) => server.respond(request),
        uuid: systemUuid,
        log,
        ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
        ...(opens === undefined ? {} : { opens }),
      });
      const listener = createListener({ handle, log, limits: { ...defaultLimits, ...limits }, ...(tls === undefined ? {} : { tls }) });
      addresses.push(await listener.listen(host, port));
      listeners.push(listener);
    }
    return { server, addresses, end, untilEnd: () => untilSignal(server, log).then(end) };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

/** SIGHUP opens the audit files anew; a second SIGTERM or SIGINT no longer waits. */
function untilSignal(server: SecretsServer, log: Log): Promise<void> {
  process.on('SIGHUP', () => {
    server.reopenAudit().then(
      () => log.info('the audit files were opened anew'),
      (error: unknown) => log.error('the audit files could not be opened anew', { error }),
    );
  });
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        log.info('the server ends', { signal });
        for (const again of ['SIGTERM', 'SIGINT'] as const) process.once(again, () => process.exit(1));
        resolve();
      });
  });
}

export function processLog(level: LogLevel): Log {
  return jsonLog({ level, write: (line) => void process.stderr.write(line), now: () => Date.now() });
}

export function serverFacts(version: string, storageType: string, apiAddress: string): ServerSettings['facts'] {
  return { version, storageType, apiAddress, hostname: hostname() };
}

/** Throws Fault `usage` naming the file. */
export function readPem(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    throw new Fault('usage', `the ${what} ${path} cannot be read`, { cause: thrown });
  }
}
