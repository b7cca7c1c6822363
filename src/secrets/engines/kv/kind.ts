// The engine type `kv`, in both versions.

import type { EngineKind } from '../../core/engine.ts';
import { openUpgraded } from './upgrade.ts';
import { openV1 } from './v1.ts';
import { openV2 } from './v2.ts';

export const kv: EngineKind = {
  type: 'kv',
  table: 'secret',
  description: 'key/value secrets, with or without versions',
  open: (host) => (host.mount().options['version'] === '2' ? openUpgraded(host, openV2(host)) : openV1(host)),
};
