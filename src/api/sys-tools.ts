// sys/tools, OpenAPI, metrics and the small routes that describe the server.

import { contract } from '../schema/contract.ts';
import { any, bool, integer, map, text, texts } from '../schema/fields.ts';

const hashInput = {
  input: text('Base64'),
  algorithm: text('sha2-224, sha2-256, sha2-384, sha2-512, sha3-224, sha3-256, sha3-384 or sha3-512', { default: 'sha2-256' }),
  format: text('hex or base64', { default: 'hex' }),
} as const;
const source = text('platform, seal or all', { default: 'platform' });
const randomInput = {
  bytes: integer('How many', { default: 32 }),
  format: text('hex or base64', { default: 'base64' }),
} as const;

export const sysTools = contract({
  name: 'system',
  description: 'Tools, and what the server says of itself.',
  routes: {
    hash: {
      path: 'tools/hash',
      summary: 'Hash some bytes.',
      help: 'Returns the digest of the input.',
      fields: {},
      operations: { write: { summary: 'Hash.', input: hashInput, output: { sum: text('The digest') } } },
    },
    hashWith: {
      path: 'tools/hash/{algorithm}',
      summary: 'Hash some bytes with the named algorithm.',
      help: 'Returns the digest of the input.',
      fields: {},
      operations: { write: { summary: 'Hash.', input: hashInput, output: { sum: text('The digest') } } },
    },
    random: {
      path: 'tools/random',
      summary: 'Random bytes.',
      help: 'From the operating system.',
      fields: { source },
      operations: { write: { summary: 'Make them.', input: randomInput, output: { random_bytes: text('The bytes') } } },
    },
    randomBytes: {
      path: 'tools/random/{bytes}',
      summary: 'So many random bytes.',
      help: 'From the operating system. Instead of a number the name of a source may stand in the path.',
      fields: { bytes: text('How many, or a source: platform, seal or all') },
      operations: {
        write: { summary: 'Make them.', input: { format: randomInput.format, source }, output: { random_bytes: text('The bytes') } },
      },
    },
    randomFrom: {
      path: 'tools/random/{source}/{bytes}',
      summary: 'So many random bytes of a source.',
      help: 'All bytes come from the operating system: the other sources are accepted with a warning.',
      fields: { source },
      operations: { write: { summary: 'Make them.', input: randomInput, output: { random_bytes: text('The bytes') } } },
    },
    openapi: {
      path: 'internal/specs/openapi',
      summary: 'The OpenAPI document of everything that is mounted.',
      help: 'OpenAPI 3.0.2, made from the same contracts that requests are checked against.',
      fields: { generic_mount_paths: bool('Accepted and without effect'), context: text('Accepted and without effect') },
      bare: true,
      operations: {
        read: {
          summary: 'Read the document.',
          output: { openapi: text('3.0.2'), info: map('Title and version'), paths: any('One object per path') },
        },
        write: {
          summary: 'Read the document.',
          output: { openapi: text('3.0.2'), info: map('Title and version'), paths: any('One object per path') },
        },
      },
    },
    metrics: {
      path: 'metrics',
      summary: 'Metrics of the server.',
      help: 'Prometheus text with `format=prometheus`, JSON otherwise.',
      fields: { format: text('prometheus, or empty for JSON') },
      opened: 'metrics',
      operations: { read: { summary: 'Read the metrics.', output: { metrics: any('The metrics') } } },
    },
    versionHistory: {
      path: 'version-history',
      summary: 'Versions that ran over this store.',
      help: 'The newest is the running one.',
      fields: {},
      operations: {
        list: { summary: 'List the versions.', output: { keys: texts('Versions'), key_info: map('When each was installed') } },
      },
    },
  },
});
