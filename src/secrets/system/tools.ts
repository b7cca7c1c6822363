// Handlers of sys/tools, OpenAPI, metrics and the routes that describe the server.

import { sysTools } from '../../api/sys-tools.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { rfc3339 } from '../../base/times.ts';
import { digest } from '../../crypto/hash.ts';
import { type MountedContract, openapiFor } from '../../schema/openapi.ts';
import { type Answer, engine, type OpenEngine } from '../core/engine.ts';
import type { Metrics } from '../core/metrics.ts';

export interface ToolParts {
  readonly random: RandomBytes;
  readonly version: string;
  readonly metrics: Metrics;
  /** Everything that is mounted. */
  readonly contracts: () => Promise<readonly MountedContract[]>;
  /** Milliseconds since the epoch. */
  readonly installed: () => number;
}

const mostRandomBytes = 128 * 1024;

export function openTools({ random, version, metrics, contracts, installed }: ToolParts): OpenEngine {
  const hash = (input: HashInput): Answer => {
    const algorithm = input.algorithm ?? 'sha2-256';
    const sum = digest(algorithm, base64Bytes(input.input ?? ''));
    if (sum === undefined) throw new Fault('invalid-request', `unsupported algorithm ${algorithm}`);
    return { data: { sum: encoded(sum, input.format ?? 'hex') } };
  };
  const makeRandom = (input: RandomInput): Answer => {
    const bytes = input.bytes ?? 32;
    if (bytes < 1) throw new Fault('invalid-request', '"bytes" cannot be less than 1');
    if (bytes > mostRandomBytes) throw new Fault('invalid-request', `"bytes" should be less than ${mostRandomBytes}`);
    return { data: { random_bytes: encoded(Buffer.from(random(bytes)), input.format ?? 'base64') } };
  };
  const document = async (): Promise<Answer> => ({ data: openapiFor(await contracts(), version) });

  return engine<typeof sysTools>({
    contract: sysTools,
    handlers: {
      hash: { write: hash },
      hashWith: { write: hash },
      random: { write: makeRandom },
      randomBytes: { write: makeRandom },
      openapi: { read: document, write: document },
      metrics: {
        read: ({ format }) => {
          if (format === 'prometheus')
            return { raw: { status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: metrics.prometheus() } };
          if (format !== undefined && format !== '')
            throw new Fault('invalid-request', `metric response format ${JSON.stringify(format)} unknown`);
          return { raw: { status: 200, contentType: 'application/json', body: `${JSON.stringify(metrics.json())}\n` } };
        },
      },
      cors: { read: () => ({ data: { enabled: false } }) },
      versionHistory: {
        list: () => ({
          data: {
            key_info: { [version]: { build_date: '', commit_date: '', previous_version: null, timestamp_installed: rfc3339(installed()) } },
            keys: [version],
          },
        }),
      },
    },
  });
}

interface HashInput {
  readonly input?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly format?: string | undefined;
}

interface RandomInput {
  readonly bytes?: number | undefined;
  readonly format?: string | undefined;
}

function encoded(bytes: Buffer, format: string): string {
  if (format !== 'hex' && format !== 'base64')
    throw new Fault('invalid-request', `unsupported encoding format ${JSON.stringify(format)}; must be "hex" or "base64"`);
  return bytes.toString(format);
}

/** Throws Fault `invalid-request` with the place of the first byte that is not base64, as Go counts it. */
function base64Bytes(text: string): Buffer {
  const bad = /[^A-Za-z0-9+/=\r\n]/.exec(text);
  const refuse = (at: number): never => {
    throw new Fault('invalid-request', `unable to decode input as base64: illegal base64 data at input byte ${at}`);
  };
  if (bad !== null) refuse(bad.index);
  const bare = text.replace(/[\r\n]/g, '');
  if (bare.length % 4 !== 0 || /=(?=[^=])|={3,}/.test(bare)) refuse(Math.floor(bare.length / 4) * 4);
  return Buffer.from(bare, 'base64');
}
