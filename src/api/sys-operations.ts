// sys/loggers, plugins/catalog, host-info, in-flight-req and rotate/config: what operators ask of and tell a running server.

import { contract } from '../schema/contract.ts';
import { any, bool, duration, integer, map, name, text, texts, time } from '../schema/fields.ts';

const level = text('trace, debug, info, warn or error');
const type = name('auth, database or secret');

export const sysOperations = contract({
  name: 'system',
  description: 'The running server.',
  routes: {
    loggers: {
      path: 'loggers',
      summary: 'How much the parts of this server log.',
      help: 'A level holds from the next line on, in this process, until it ends or the level is taken back to that of the configuration.',
      fields: {},
      operations: {
        read: { summary: 'Read the levels.', output: { '<name>': level } },
        write: { summary: 'Set the level of all parts.', input: { level } },
        delete: { summary: 'Take all levels back to that of the configuration.' },
      },
    },
    logger: {
      path: 'loggers/{name}',
      summary: 'How much one part of this server logs.',
      help: 'The names are those of `loggers`; `core` is all that has no name.',
      fields: { name: text('Name of the part') },
      operations: {
        read: { summary: 'Read the level.', output: { '<name>': level } },
        write: { summary: 'Set the level.', input: { level } },
        delete: { summary: 'Take the level back to that of the configuration.' },
      },
    },
    plugins: {
      path: 'plugins/catalog',
      summary: 'The engines and auth methods that this server has.',
      help: 'All of them are built in: none can be added while the server runs.',
      fields: {},
      sudo: true,
      operations: {
        read: {
          summary: 'Read the names by type.',
          output: {
            auth: texts('Auth methods'),
            database: texts('Databases that the database engine speaks to'),
            secret: texts('Engines'),
            detailed: any('One object per plugin'),
          },
        },
      },
    },
    pluginsOfType: {
      path: 'plugins/catalog/{type}',
      summary: 'The plugins of one type.',
      help: 'Types are auth, database and secret.',
      fields: { type },
      sudo: true,
      operations: { list: { summary: 'List the names.', output: { keys: texts('Names') } } },
    },
    plugin: {
      path: 'plugins/catalog/{type}/{name}',
      summary: 'One plugin.',
      help: 'Built-in plugins have neither a command nor a digest.',
      fields: { type, name: text('Name of the plugin') },
      sudo: true,
      operations: {
        read: {
          summary: 'Read the plugin.',
          output: {
            args: texts('Always empty'),
            builtin: bool('Always true'),
            command: text('Always empty'),
            deprecation_status: text('Always supported'),
            name: text('Name of the plugin'),
            sha256: text('Always empty'),
            version: text('Version of the server'),
          },
        },
      },
    },
    hostInfo: {
      path: 'host-info',
      summary: 'The machine that this server runs on.',
      help: 'Processors, memory and name of the machine, as its operating system tells them.',
      fields: {},
      operations: {
        read: {
          summary: 'Read them.',
          output: {
            cpu: any('One object per processor'),
            cpu_times: any('One object per processor'),
            disk: any('Always empty'),
            host: map('Name, operating system, seconds since its start'),
            memory: map('Bytes'),
            timestamp: time('When they were read'),
          },
        },
      },
    },
    inFlight: {
      path: 'in-flight-req',
      summary: 'The requests that this server is answering.',
      help: 'One key per request: since when, from where, and what for. Bodies and tokens are not shown.',
      fields: {},
      sudo: true,
      bare: true,
      operations: { read: { summary: 'Read them.', output: { '<id>': map('One request') } } },
    },
    rotateConfig: {
      path: 'rotate/config',
      summary: 'When the server adds a term to the keyring by itself.',
      help: 'After so much time, or when a server has sealed so many entries with the newest term. Either is looked at every five minutes.',
      fields: {},
      sudo: true,
      operations: {
        read: {
          summary: 'Read the settings.',
          output: {
            enabled: bool('Whether it does'),
            interval: integer('Seconds; 0 for never because of time'),
            max_operations: integer('Entries sealed with one term'),
          },
        },
        write: {
          summary: 'Change the settings that are given.',
          input: {
            enabled: bool('Whether it does'),
            interval: duration('At least 24 hours; 0 for never because of time'),
            max_operations: integer('1,000,000 to 3,865,470,566'),
          },
        },
      },
    },
  },
});
