// The storage stanza: where the server's data lies.

import type { StorageConfig } from './config.ts';
import { listed, path } from './kind.ts';
import { quoted, refuse, type Section } from './section.ts';

const storageTypes = ['lmdb', 'file', 'inmem'] as const;

/** Throws Fault `usage` unless there is exactly one stanza, under the name `storage` or `backend`, of a type that exists. */
export function readStorage(top: Section): StorageConfig {
  const [stanza, another] = [...top.stanzas('storage', 'TYPE'), ...top.stanzas('backend', 'TYPE')];
  if (stanza === undefined)
    throw refuse(top.where, 'no storage is configured; add storage "lmdb" { path = "…" }, or storage "inmem" {} to keep nothing');
  if (another !== undefined)
    throw refuse(
      another.where,
      `${another.title} is one too many: there is ${stanza.title} at ${stanza.where}, and a server has one storage`,
    );
  const type = storageTypes.find((known) => known === stanza.labels[0]?.toLowerCase());
  if (type === undefined)
    throw refuse(stanza.where, `storage of type ${quoted(stanza.labels[0] ?? '')} does not exist here; use ${listed(storageTypes)}`);
  const storage = type === 'inmem' ? { type } : { type, path: folderOf(stanza) };
  stanza.warnOfRest();
  return storage;
}

function folderOf(stanza: Section): string {
  const folder = stanza.read('path', path);
  if (folder === undefined) throw refuse(stanza.where, `${stanza.title} needs path, the folder that holds the data`);
  return folder;
}
