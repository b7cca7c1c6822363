// Handlers of sys/tools, OpenAPI, metrics and the routes that describe the server.

import { sysTools } from '../../api/sys-tools.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { rfc3339 } from '../../base/times.ts';
import { digest } from '../../crypto/hash.ts';
import { type MountedContract, openapiFor } from '../../schema/openapi.ts';
import { type Answer, engine, type OpenEngine } from '../core/engine.ts';
import type { Metrics } from '../core/metrics.ts';
import type { VersionHistory } from './version-history.ts';

export interface ToolParts {
  readonly random: RandomBytes;
  readonly version: string;
  readonly metrics: Metrics;
  /** Everything that is mounted. */
  readonly contracts: () => Promise<readonly MountedContract[]>;
  readonly versions: VersionHistory;
}

const mostRandomBytes = 128 * 1024;
const sources: readonly string[] = ['platform', 'seal', 'all'];

export function openTools({ random, version, metrics, contracts, versions }: ToolParts): OpenEngine {
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
    const source = input.source ?? 'platform';
    if (!sources.includes(source))
      throw new Fault('invalid-request', `unsupported entropy source ${JSON.stringify(source)}; must be "platform" or "seal", or "all"`);
    return {
      data: { random_bytes: encoded(Buffer.from(random(bytes)), input.format ?? 'base64') },
      ...(source === 'platform' ? {} : { warnings: ['no seal/entropy augmentation available, using platform entropy source'] }),
    };
  };
  const document = async (): Promise<Answer> => ({ data: openapiFor(await contracts(), version) });

  return engine<typeof sysTools>({
    contract: sysTools,
    handlers: {
      hash: { write: hash },
      hashWith: { write: hash },
      random: { write: makeRandom },
      randomBytes: {
        write: ({ bytes = '', ...input }) =>
          makeRandom(sources.includes(bytes) ? { ...input, source: bytes } : { ...input, bytes: countOf(bytes) }),
      },
      randomFrom: { write: makeRandom },
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
      versionHistory: {
        list: async () => {
          const noted = await versions.list();
          const described = noted.map(({ version: one, installed }, at) => [
            one,
            {
              build_date: '',
              commit_date: '',
              previous_version: noted[at - 1]?.version ?? null,
              timestamp_installed: rfc3339(installed),
            },
          ]);
          return { data: { key_info: Object.fromEntries(described) as object, keys: noted.map(({ version: one }) => one) } };
        },
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
  readonly source?: string | undefined;
  readonly format?: string | undefined;
}

function countOf(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw new Fault('invalid-request', `error parsing url-set byte count: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
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
