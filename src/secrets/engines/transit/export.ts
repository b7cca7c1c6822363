// Handlers of export/: the bytes of exportable keys, for use without the server.

import type { transit } from '../../../api/transit.ts';
import { Fault } from '../../../base/fault.ts';
import { exportKey } from '../../../crypto/keys.ts';
import { wipe } from '../../../crypto/wipe.ts';
import type { Answer, Handlers } from '../../core/engine.ts';
import type { Key } from './key-record.ts';
import type { KeyVersion } from './key-types/key-type.ts';
import type { Keyring } from './keyring.ts';

interface ExportInput {
  readonly type?: string | undefined;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly format?: string | undefined;
}

type Exporter = (version: KeyVersion, format: string) => string;

const kinds = new Set(['encryption-key', 'signing-key', 'hmac-key', 'public-key', 'certificate-chain']);
const formats = new Set(['', 'raw', 'der', 'pem']);
/** What is no secret needs no permission of the key. */
const openKinds = new Set(['public-key', 'certificate-chain']);

export function exportHandlers(keyring: Keyring): Pick<Handlers<typeof transit>, 'export' | 'exportVersion'> {
  const read = async ({ type: kind = '', name = '', version = '', format = '' }: ExportInput): Promise<Answer | undefined> => {
    if (!kinds.has(kind)) throw refusal(`invalid export type: ${kind}`);
    if (!formats.has(format)) throw refusal(`invalid format: ${format}`);
    const key = await keyring.find(name);
    if (key === undefined) return undefined;
    if (!key.settings.exportable && !openKinds.has(kind)) throw refusal('private key material is not exportable');
    const exporter = exporterOf(key, kind);
    const versions = version === '' ? [...key.versions.values()] : [chosen(key, version)];
    const keys = Object.fromEntries(versions.map((one) => [one.number, exporter(one, format)]));
    return { data: { keys, name: key.settings.name, type: key.type.name } };
  };
  return { export: { read }, exportVersion: { read } };
}

function refusal(message: string): Fault {
  return new Fault('invalid-request', message);
}

/** Throws Fault `invalid-request` where keys of that type have nothing of that kind. */
function exporterOf({ type }: Key, kind: string): Exporter {
  if (kind === 'hmac-key') return exportHmacKey;
  if (kind === 'encryption-key' && type.encryption === undefined) throw refusal('encryption not supported for the key');
  if (kind === 'signing-key' && !type.signs) throw refusal('signing not supported for the key');
  const exporter = Object.entries(type.exports).find(([offered]) => offered === kind)?.[1];
  if (exporter === undefined) throw refusal(`unknown key type ${type.name} for export type ${kind}`);
  return exporter;
}

function exportHmacKey({ hmacKey }: KeyVersion, format: string): string {
  if (format !== '' && format !== 'raw') throw refusal('unknown format for HMAC key; supported values are `` or `raw`');
  const bytes = exportKey(hmacKey);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  wipe(bytes);
  return text;
}

function chosen({ settings, newest, versions }: Key, wanted: string): KeyVersion {
  if (wanted === 'latest') return newest;
  const digits = wanted.startsWith('v') ? wanted.slice(1) : wanted;
  if (!/^[+-]?\d+$/.test(digits)) throw refusal('invalid key version');
  const number = Number(digits);
  if (number < settings.minDecryption) throw refusal('version for export is below minimum decryption version');
  const version = versions.get(number);
  if (version === undefined) throw refusal('version does not exist or cannot be found');
  return version;
}
