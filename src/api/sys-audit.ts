// sys/audit, sys/audit-hash, sys/config/auditing.

import { contract } from '../schema/contract.ts';
import { bool, map, name, pairs, text } from '../schema/fields.ts';

export const sysAudit = contract({
  name: 'system',
  description: 'Audit devices.',
  routes: {
    devices: {
      path: 'audit',
      summary: 'The enabled audit devices.',
      help: 'While at least one device is enabled, no request is answered that none of them could write down.',
      fields: {},
      sudo: true,
      injected: true,
      operations: { read: { summary: 'List the devices.', output: { '<path>': map('One device per key') } } },
    },
    device: {
      path: 'audit/{path...}',
      summary: 'Enable or disable an audit device.',
      help: 'A file device takes `file_path`: a file below the directory that the configuration allows for audit files, or `stdout`.',
      fields: { path: text('Name of the device') },
      sudo: true,
      operations: {
        write: {
          summary: 'Enable a device.',
          input: {
            type: name('file'),
            description: text('For people'),
            options: pairs('file_path, log_raw, hmac_accessor, mode, prefix, elide_list_responses'),
            local: bool('Accepted: there is no replication'),
          },
        },
        delete: { summary: 'Disable the device.' },
      },
    },
    hash: {
      path: 'audit-hash/{path...}',
      summary: 'What a value looks like in the lines of a device.',
      help: 'Devices write keyed hashes of secrets; with this one finds the lines that speak of a known value.',
      fields: { path: text('Name of the device') },
      injected: true,
      operations: {
        write: {
          summary: 'Hash a value.',
          input: { input: text('The value', { secret: true }) },
          output: { hash: text('hmac-sha256:<hex>') },
        },
      },
    },
    requestHeaders: {
      path: 'config/auditing/request-headers',
      summary: 'Request headers that audit lines show.',
      help: 'None are shown unless they are listed here.',
      fields: {},
      sudo: true,
      injected: true,
      operations: { read: { summary: 'List the headers.', output: { headers: map('One header per key') } } },
    },
    requestHeader: {
      path: 'config/auditing/request-headers/{header}',
      summary: 'One request header that audit lines show.',
      help: 'With `hmac` its values are hashed.',
      fields: { header: name('Name of the header') },
      sudo: true,
      injected: true,
      operations: {
        read: { summary: 'Read the header.', output: { '<header>': map('Whether it is hashed') } },
        write: { summary: 'Show the header.', input: { hmac: bool('Hash its values') } },
        delete: { summary: 'Show it no longer.' },
      },
    },
  },
});
