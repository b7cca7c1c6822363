// Every type of key that this version knows, by the name that the API and the store have for it.

import type { KeyType } from './key-type.ts';
import { symmetricTypes } from './symmetric.ts';

export const knownTypes: ReadonlyMap<string, KeyType> = new Map(symmetricTypes.map((type) => [type.name, type]));
