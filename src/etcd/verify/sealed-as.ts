// What a configuration expects of a value in etcd: the provider and the key that seal its resource now.

import type { EncryptionConfig } from '../config/encryption-config.ts';
import { groupResourceOf } from '../config/group-resource.ts';
import { entryFor, writerOf } from '../config/lookup.ts';
import type { StoredForm } from './stored-form.ts';

/** For `scanResources`: in clear is as it should be where nothing seals. */
export function sealedAs(config: EncryptionConfig): (resource: string, form: StoredForm) => boolean {
  return (resource, { provider, key }) => {
    const entry = entryFor(config, groupResourceOf(resource));
    const writer = entry === undefined ? undefined : writerOf(entry);
    return provider === (writer?.type ?? 'identity') && key === (writer?.name ?? '');
  };
}
