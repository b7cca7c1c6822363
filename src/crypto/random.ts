// Random bytes and UUIDs from the operating system's generator.

import { randomBytes, randomUUID } from 'node:crypto';
import type { RandomBytes } from '../base/random.ts';

export const systemRandom: RandomBytes = (count) => randomBytes(count);

/** UUID v4 (RFC 9562). */
export const systemUuid = (): string => randomUUID();
