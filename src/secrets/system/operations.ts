// Handlers of sys/loggers, plugins/catalog, host-info, in-flight-req and rotate/config.

import { availableParallelism, cpus, freemem, hostname, platform, release, totalmem, uptime } from 'node:os';
import { sysOperations } from '../../api/sys-operations.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { LogLevel, LogLevels } from '../../base/log.ts';
import { rfc3339 } from '../../base/times.ts';
import type { Rotation } from '../barrier/rotation.ts';
import { type Answer, type EngineKind, engine, type OpenEngine } from '../core/engine.ts';
import type { Life } from '../core/life.ts';

export interface OperationParts {
  readonly clock: Clock;
  readonly version: string;
  /** undefined where the log has none of its own. */
  readonly levels: LogLevels | undefined;
  readonly kinds: () => readonly Pick<EngineKind, 'type' | 'table'>[];
  /** Requests that are not answered yet. */
  readonly underWay: Iterable<Life>;
  readonly rotation: Rotation;
}

/** Mounted by the server itself and by nobody else. */
const notPlugins = new Set(['system', 'identity', 'cubbyhole', 'token']);

export function openOperations({ clock, version, levels, kinds, underWay, rotation }: OperationParts): OpenEngine {
  const levelsOrNone = (): LogLevels => {
    if (levels === undefined) throw new Fault('unavailable', 'the log of this server has no levels that can be changed');
    return levels;
  };
  const known = (name: string): LogLevel => {
    const level = levelsOrNone().get(name);
    if (level === undefined) throw new Fault('invalid-request', `logger ${JSON.stringify(name)} not found`);
    return level;
  };
  const builtInVersion = `v${version}+builtin.casemate`;
  const namesOf = (type: string | undefined): string[] => {
    if (type !== 'auth' && type !== 'secret' && type !== 'database')
      throw new Fault('invalid-request', `${JSON.stringify(type ?? '')} is not a supported plugin type`);
    return kinds()
      .filter((kind) => kind.table === type && !notPlugins.has(kind.type))
      .map((kind) => kind.type)
      .sort();
  };

  return engine<typeof sysOperations>({
    contract: sysOperations,
    handlers: {
      loggers: {
        read: () => ({
          data: Object.fromEntries(
            levelsOrNone()
              .names()
              .map((name) => [name, known(name)]),
          ),
        }),
        write: ({ level }) => {
          levelsOrNone().setAll(levelOf(level));
          return undefined;
        },
        delete: () => {
          levelsOrNone().reset();
          return undefined;
        },
      },
      logger: {
        read: ({ name = '' }) => ({ data: { [name]: known(name) } }),
        write: ({ name = '', level }) => {
          const wanted = levelOf(level);
          known(name);
          levelsOrNone().set(name, wanted);
          return undefined;
        },
        delete: ({ name = '' }) => {
          known(name);
          levelsOrNone().reset(name);
          return undefined;
        },
      },
      plugins: {
        read: () => ({
          data: {
            auth: namesOf('auth'),
            database: namesOf('database'),
            detailed: (['auth', 'database', 'secret'] as const).flatMap((type) =>
              namesOf(type).map((name) => ({ builtin: true, deprecation_status: 'supported', name, type, version: builtInVersion })),
            ),
            secret: namesOf('secret'),
          },
        }),
      },
      pluginsOfType: { list: ({ type }) => ({ data: { keys: namesOf(type) } }) },
      plugin: {
        read: ({ type, name = '' }) =>
          namesOf(type).includes(name)
            ? {
                data: {
                  args: [],
                  builtin: true,
                  command: '',
                  deprecation_status: 'supported',
                  name,
                  sha256: '',
                  version: builtInVersion,
                },
              }
            : undefined,
      },
      hostInfo: { read: () => hostInfo(clock) },
      inFlight: {
        read: () => ({
          data: Object.fromEntries(
            [...underWay].map(({ wire, started, token }) => [
              wire.id,
              {
                client_id: token?.entityId ?? '',
                client_remote_address: `${wire.remoteAddress}:${wire.remotePort}`,
                operation: wire.operation,
                request_path: `/v1/${wire.path}`,
                start_time: rfc3339(clock.now() - Math.max(0, clock.monotonic() - started)),
              },
            ]),
          ),
        }),
      },
      rotateConfig: {
        read: async () => {
          const { enabled, interval, maxOperations } = await rotation.terms();
          return { data: { enabled, interval, max_operations: maxOperations } };
        },
        write: async ({ enabled, interval, max_operations: maxOperations }) => {
          await rotation.change({ enabled, interval, maxOperations });
          return undefined;
        },
      },
    },
  });
}

const otherNames: ReadonlyMap<string, LogLevel> = new Map([
  ['notice', 'info'],
  ['warning', 'warn'],
  ['err', 'error'],
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['error', 'error'],
]);

function levelOf(given: string | undefined): LogLevel {
  const wanted = (given ?? '').trim().toLowerCase();
  if (wanted === '') throw new Fault('invalid-request', 'level is empty');
  const level = otherNames.get(wanted);
  if (level === undefined) throw new Fault('invalid-request', `invalid level provided: unknown log level: ${given}`);
  return level;
}

function hostInfo(clock: Clock): Answer {
  const processors = cpus();
  const total = totalmem();
  const free = freemem();
  return {
    data: {
      cpu: processors.map(({ model, speed }, at) => ({ cpu: at, mhz: speed, modelName: model })),
      cpu_times: processors.map(({ times }, at) => ({
        cpu: `cpu${at}`,
        idle: times.idle / 1000,
        irq: times.irq / 1000,
        nice: times.nice / 1000,
        system: times.sys / 1000,
        user: times.user / 1000,
      })),
      disk: [],
      host: {
        hostname: hostname(),
        kernelVersion: release(),
        os: platform(),
        procs: availableParallelism(),
        uptime: Math.floor(uptime()),
      },
      memory: { available: free, free, total, used: total - free, usedPercent: ((total - free) / total) * 100 },
      timestamp: rfc3339(clock.now()),
    },
  };
}
