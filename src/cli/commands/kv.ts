// casemate kv: secrets that people and programs keep, with or without versions.

import type { Group } from '../command.ts';
import { enableVersioning } from './kv/enable-versioning.ts';
import { get } from './kv/get.ts';
import { list } from './kv/list.ts';
import { metadata } from './kv/metadata.ts';
import { patch } from './kv/patch.ts';
import { put } from './kv/put.ts';
import { rollback } from './kv/rollback.ts';
import { destroy, remove, undelete } from './kv/versions.ts';

export const kv: Group = {
  synopsis: 'Read and write secrets of a KV mount',
  help: 'Works with secrets of a KV mount. Version 2 of KV keeps older versions of them; the commands find out which version a mount has. -mount names the mount; without it the path begins with the mount.',
  examples: {
    'Write a secret': 'kv put -mount=secret app user=ann password=-',
    'Read it': 'kv get -mount=secret app',
    'See which versions there are': 'kv metadata get -mount=secret app',
  },
  commands: {
    delete: remove,
    destroy,
    'enable-versioning': enableVersioning,
    get,
    list,
    metadata,
    patch,
    put,
    rollback,
    undelete,
  },
};
