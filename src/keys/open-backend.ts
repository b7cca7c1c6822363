// Opens the key backend that a configuration describes; what only one type needs is loaded when that type is chosen.

import type { BackendParts } from './backend-parts.ts';
import type { BackendDescription, HolderDescription } from './description.ts';
import type { KeyBackend } from './key-backend.ts';

/**
 * Reads files and asks nobody: a holder that is away shows at the first probe. Throws Fault `usage` in one sentence for what
 * cannot work, such as a key file that others may read.
 */
export async function openBackend(description: BackendDescription, parts: BackendParts): Promise<KeyBackend> {
  if (description.type !== 'two-levels') return openHolder(description, parts);
  const { openTwoLevels } = await import('./two-levels.ts');
  const { holder, cache, ...rest } = description;
  return openTwoLevels(await openHolder(holder, parts), parts, {
    ...rest,
    ...(cache === undefined ? {} : { cache: { path: cache.path, ring: await openHolder(cache.ring, parts) } }),
  });
}

async function openHolder(description: HolderDescription, parts: BackendParts): Promise<KeyBackend> {
  switch (description.type) {
    case 'local':
      return (await import('./backends/local-ring.ts')).openLocalRing(description, parts);
    case 'transit':
      return (await import('./backends/transit.ts')).openTransit(description, parts);
    case 'aws':
      return (await import('./backends/aws.ts')).openAws(description, parts);
    case 'alicloud':
      return (await import('./backends/alicloud.ts')).openAlicloud(description, parts);
    case 'jdcloud':
      return (await import('./backends/jdcloud.ts')).openJdcloud(description, parts);
    case 'pkcs11':
      return (await import('./backends/pkcs11.ts')).openPkcs11(description, parts);
  }
}
