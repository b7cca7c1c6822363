// Handlers of hash/ and random/, which need no key.

import type { transit } from '../../../api/transit.ts';
import { Fault } from '../../../base/fault.ts';
import type { RandomBytes } from '../../../base/random.ts';
import { digest } from '../../../crypto/hash.ts';
import type { Answer, Handlers } from '../../core/engine.ts';
import { decodeBase64 } from './base64.ts';

interface HashInput {
  readonly input?: string | undefined;
  readonly urlalgorithm?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly format?: string | undefined;
}

interface RandomInput {
  readonly source?: string | undefined;
  readonly urlbytes?: string | undefined;
  readonly bytes?: number | undefined;
  readonly format?: string | undefined;
}

const mostRandomBytes = 128 * 1024;
const sources = new Set(['platform', 'seal', 'all']);

export function digestHandlers(
  random: RandomBytes,
): Pick<Handlers<typeof transit>, 'hash' | 'hashWith' | 'random' | 'randomOf' | 'randomBytesOf'> {
  const hash = ({ input, format = 'hex', ...named }: HashInput): Answer => {
    if (input === undefined) throw refusal('input missing');
    const algorithm = named.urlalgorithm ?? (named.algorithm || 'sha2-256');
    const bytes = decodeBase64(input, 'unable to decode input as base64: ');
    checkFormat(format, format);
    const sum = digest(algorithm, bytes);
    if (sum === undefined) throw refusal(`unsupported algorithm ${algorithm}`);
    return { data: { sum: sum.toString(format) } };
  };
  const make = ({ source = 'platform', urlbytes, bytes = 32, format = 'base64' }: RandomInput): Answer => {
    // One segment is a source or a number, so that a policy can bound either.
    const named = urlbytes !== undefined || sources.has(source);
    const count = urlbytes === undefined ? (named ? bytes : counted(source)) : counted(urlbytes);
    if (count < 1) throw refusal("'bytes' cannot be less than 1");
    if (count > mostRandomBytes) throw refusal(`'bytes' should be less than ${mostRandomBytes}`);
    checkFormat(format, JSON.stringify(format));
    if (named && !sources.has(source))
      throw refusal(`unsupported entropy source ${JSON.stringify(source)}; must be "platform" or "seal", or "all"`);
    const made = random(count);
    const text = Buffer.from(made.buffer, made.byteOffset, made.byteLength).toString(format);
    const warnings = source === 'seal' ? ['no seal/entropy augmentation available, using platform entropy source'] : [];
    return { data: { random_bytes: text }, warnings };
  };
  return {
    hash: { write: hash },
    hashWith: { write: hash },
    random: { write: make },
    randomOf: { write: make },
    randomBytesOf: { write: make },
  };
}

function refusal(message: string): Fault {
  return new Fault('invalid-request', message);
}

function checkFormat(format: string, shown: string): asserts format is 'hex' | 'base64' {
  if (format !== 'hex' && format !== 'base64') throw refusal(`unsupported encoding format ${shown}; must be "hex" or "base64"`);
}

function counted(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw refusal('error parsing url-set byte count: invalid syntax');
  return Number(text);
}
