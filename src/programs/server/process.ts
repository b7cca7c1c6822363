// A secrets server as a process: opens its sockets, lives until it is told to end, and answers what is under way before it does.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { jsonLog, type Log, type LogLevel } from '../../base/log.ts';
import { systemRandom, systemUuid } from '../../crypto/random.ts';
import { forwardedAddress, type Proxies } from '../../http/forwarded-for.ts';
import { createListener, defaultLimits, type Listener, type ListenerLimits } from '../../http/listener.ts';
import type { TlsOptions } from '../../http/tls.ts';
import type { UnixSocket } from '../../http/unix-socket.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { createMetrics } from '../../secrets/core/metrics.ts';
import { createServer, type SecretsServer, type ServerSettings } from '../../secrets/server.ts';
import type { AddedHeaders } from '../../secrets/wire/added-headers.ts';
import { wireHandler } from '../../secrets/wire/handler.ts';
import type { Backend } from '../../storage/storage.ts';

export interface ListenAt {
  readonly host: string;
  readonly port: number;
  /** In place of host and port. */
  readonly unix?: UnixSocket;
  readonly tls?: TlsOptions;
  /** Reads certificates and keys anew, for SIGHUP. Throws Fault `usage`. */
  readonly renewTls?: () => TlsOptions;
  readonly limits?: Partial<ListenerLimits>;
  readonly maxBodyBytes?: number;
  /** Answered without a token here. */
  readonly opens?: 'metrics';
  /** From a request's start to its answer, ms. */
  readonly maxDuration?: number;
  readonly proxies?: Proxies;
  /** True for paths that are not served here. */
  readonly closedTo?: (path: string) => boolean;
  readonly addedHeaders?: AddedHeaders;
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
  /** Certificates anew, as on SIGHUP. Throws Fault `usage` for those that cannot be read; the old ones stay. */
  renew(): void;
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
    parts.backend?.close();
    await storage.close();
  };
  try {
    await prepare(server);
    const addresses = [];
    for (const at of parts.listenAt) {
      const { host, port, unix, tls, limits } = at;
      const handle = handlerFor(server, at, log);
      const listener = createListener({ handle, log, limits: { ...defaultLimits, ...limits }, ...(tls === undefined ? {} : { tls }) });
      if (unix === undefined) addresses.push(await listener.listen(host, port));
      else {
        await listener.listenUnix(unix);
        addresses.push({ host: unix.path, port: 0 });
      }
      listeners.push(listener);
    }
    const renew = () => {
      for (const [index, { renewTls }] of parts.listenAt.entries()) if (renewTls !== undefined) listeners[index]?.renew(renewTls());
    };
    return { server, addresses, renew, end, untilEnd: () => untilSignal(server, renew, log).then(end) };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

function handlerFor(server: SecretsServer, at: ListenAt, log: Log): ReturnType<typeof wireHandler> {
  const { maxBodyBytes, opens, maxDuration, proxies, closedTo, addedHeaders } = at;
  return wireHandler({
    respond: (request) => server.respond(request),
    uuid: systemUuid,
    log,
    cors: () => server.cors(),
    addressOf: forwardedAddress(proxies),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
    ...(opens === undefined ? {} : { opens }),
    ...(maxDuration === undefined ? {} : { maxDuration }),
    ...(closedTo === undefined ? {} : { closedTo }),
    ...(addedHeaders === undefined ? {} : { addedHeaders }),
  });
}

/** SIGHUP opens the audit devices anew and reads the certificates again; a second SIGTERM or SIGINT no longer waits. */
function untilSignal(server: SecretsServer, renew: () => void, log: Log): Promise<void> {
  process.on('SIGHUP', () => {
    try {
      renew();
      log.info('the certificates were read anew');
    } catch (error) {
      log.error('the certificates could not be read anew; the old ones stay', { error });
    }
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
