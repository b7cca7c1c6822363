// A KeyBackend over a key of the transit engine of a Casemate, Vault or OpenBao server: the key never leaves that server.

import { statSync } from 'node:fs';
import { Fault } from '../../base/fault.ts';
import { type Client, createClient } from '../../client/client.ts';
import { ResponseFault } from '../../client/response-fault.ts';
import { readTls } from '../../client/tls.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import type { BackendParts } from '../backend-parts.ts';
import type { TransitDescription } from '../description.ts';
import type { KeyBackend, SealedBytes } from '../key-backend.ts';
import { refusePlainHttp } from '../plain-http.ts';
import { namesVersion, type TransitKey, transitKeyId, transitKeyOf, versionIn } from './transit-key.ts';
import { keepToken, type TokenKeeper } from './transit-token.ts';

/** Milliseconds for one call; kube-apiserver waits for three seconds. */
const callTimeout = 10_000;

/** Throws Fault `usage` for plain http and for files that cannot be read. */
export function openTransit(description: TransitDescription, parts: BackendParts): KeyBackend {
  const { key: name, mount = 'transit', namespace, address } = description;
  refusePlainHttp(address, 'the transit engine', description.allowPlainHttp);
  if (!/^[\w.-]+$/.test(name))
    throw new Fault('usage', 'the name of a transit key is made of letters, digits, dots, dashes and underscores');
  const path = [namespace, mount, name].flatMap((part) => part?.split('/').filter((segment) => segment !== '') ?? []).join('/');
  const server = connect(description, parts);
  const { ask } = server;
  let known: TransitKey | undefined;
  let healthy = false;
  let closed = false;

  /** Without the right to read the key, encrypting tells its newest version. */
  const look = async (signal: AbortSignal): Promise<TransitKey> => {
    const data = await ask(signal, (client) => client.read(`${mount}/keys/${name}`)).catch((thrown: unknown) => {
      if (thrown instanceof Fault && thrown.code === 'permission-denied') return 'forbidden' as const;
      throw thrown;
    });
    if (data === undefined) throw new Fault('not-found', `the server has no transit key ${name} at ${mount}: make it, or name another`);
    if (data !== 'forbidden') return transitKeyOf(data, name);
    const answer = await encrypt(new Uint8Array(1), undefined, signal);
    return { latest: answer.version, leastToOpen: 1, made: known?.made ?? new Map() };
  };
  const encrypt = async (plaintext: Uint8Array, version: number | undefined, signal: AbortSignal) => {
    const body = { plaintext: Buffer.from(plaintext).toString('base64'), ...(version === undefined ? {} : { key_version: version }) };
    const data = await ask(signal, (client) => client.write(`${mount}/encrypt/${name}`, body));
    const ciphertext = Buffer.from(String(data?.['ciphertext'] ?? ''));
    const used = versionIn(ciphertext);
    if (used === undefined) throw new Fault('unavailable', 'the server encrypted, and answered without a ciphertext');
    return { ciphertext, version: used };
  };
  const decrypt = async (ciphertext: Uint8Array, signal: AbortSignal): Promise<Buffer> => {
    const body = { ciphertext: Buffer.from(ciphertext).toString('latin1') };
    const data = await ask(signal, (client) => client.write(`${mount}/decrypt/${name}`, body));
    const plaintext = data?.['plaintext'];
    if (typeof plaintext !== 'string') throw new Fault('unavailable', 'the server decrypted, and answered without a plaintext');
    return Buffer.from(plaintext, 'base64');
  };
  const probe = async (signal: AbortSignal): Promise<void> => {
    try {
      const key = await look(signal);
      const sample = parts.random(32);
      const { ciphertext } = await encrypt(sample, key.latest, signal);
      const opened = await decrypt(ciphertext, signal);
      if (!equalSecrets(opened, sample)) throw new Fault('unavailable', 'the server decrypted its own ciphertext to something else');
      known = key;
      healthy = !closed;
    } catch (thrown) {
      healthy = false;
      throw thrown;
    }
  };
  const keyKnown = async (signal: AbortSignal): Promise<TransitKey> => {
    known ??= await look(signal);
    return known;
  };
  const sealWith = async (key: TransitKey, plaintext: Uint8Array, signal: AbortSignal): Promise<SealedBytes> => {
    // Its version is asked for: what is sealed names the key that `current` names, also in the moment of a rotation.
    const { ciphertext } = await encrypt(plaintext, key.latest, signal);
    return { keyId: transitKeyId(path, key.latest, key), ciphertext, annotations: {} };
  };
  /** Why the server refused to open: from what it tells of the key, since its words differ from one product to the next. */
  const whyRefused = async (version: number, cause: unknown, signal: AbortSignal): Promise<Fault> => {
    const key = await look(signal);
    if (version > key.latest || version < key.leastToOpen)
      return new Fault('invalid-request', `the transit key ${name} does not open what its version ${version} sealed`, { cause });
    return new Fault('corrupted', `the transit key ${name} did not open the data: it is damaged, or another key sealed it`, { cause });
  };
  return {
    type: 'transit',
    current: () => ({ keyId: known === undefined ? '' : transitKeyId(path, known.latest, known), healthy }),
    async seal(plaintext, signal) {
      const key = await keyKnown(signal);
      try {
        return await sealWith(key, plaintext, signal);
      } catch (thrown) {
        if (!(thrown instanceof Fault && thrown.code === 'invalid-request')) throw thrown;
        const newer = await look(signal);
        if (newer.latest === key.latest) throw thrown;
        known = newer;
        return sealWith(newer, plaintext, signal);
      }
    },
    async open(sealed, signal) {
      const version = versionIn(sealed.ciphertext);
      if (version === undefined) throw new Fault('corrupted', 'the data was not sealed by a transit engine, or is damaged');
      const key = await keyKnown(signal);
      if (!namesVersion(sealed.keyId, path, version, key))
        throw new Fault('invalid-request', `the data names another key than version ${version} of the transit key ${path}`);
      try {
        return await decrypt(sealed.ciphertext, signal);
      } catch (thrown) {
        if (!(thrown instanceof Fault && thrown.code === 'invalid-request')) throw thrown;
        throw await whyRefused(version, thrown, signal);
      }
    },
    probe,
    close() {
      closed = true;
      healthy = false;
      server.close();
    },
  };
}

type Data = Readonly<Record<string, unknown>>;

interface Server {
  /** The data of an answer; undefined where nothing is. Once more with another token when the first one is refused. */
  ask(signal: AbortSignal, call: (client: Client) => Promise<{ readonly data: Data | null } | undefined>): Promise<Data | undefined>;
  close(): void;
}

function connect(description: TransitDescription, { clock, log, environment }: BackendParts): Server {
  const { address, namespace, auth, tls: files = {}, disableRenewal = false } = description;
  const stampOf = () =>
    [files.caCert, files.clientCert, files.clientKey]
      .map((path) => (path === undefined ? '' : (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? absent)))
      .join();
  const begin = (): { client: Client; tokens: TokenKeeper; stamp: string } => {
    const tls = readTls(files);
    const client = createClient({ address, namespace, tls, timeout: callTimeout, retries: 1, proxies: environment });
    return { client, tokens: keepToken(auth, { client, clock, log, environment, disableRenewal }), stamp: stampOf() };
  };
  let connection: ReturnType<typeof begin> | undefined = begin();
  /** Certificates are renewed in place: connections with the old ones end. */
  const open = (): ReturnType<typeof begin> => {
    if (connection === undefined) throw new Fault('unavailable', 'the transit backend was closed');
    const stamp = stampOf();
    if (connection.stamp !== stamp && !stamp.includes(absent)) {
      connection.client.close();
      connection = begin();
    }
    return connection;
  };
  return {
    async ask(signal, call) {
      const { client, tokens } = open();
      const attempt = async (token: string) => (await call(client.with({ token, signal })))?.data ?? undefined;
      try {
        const token = await tokens.token(signal);
        try {
          return await attempt(token);
        } catch (thrown) {
          if (!(thrown instanceof ResponseFault && thrown.status === 403) || !(await tokens.refused(token, signal))) throw thrown;
          return await attempt(await tokens.token(signal));
        }
      } catch (thrown) {
        throw told(thrown, address);
      }
    },
    close() {
      connection?.client.close();
      connection = undefined;
    },
  };
}

/** Of a file that is just being replaced. */
const absent = 'absent';

const longestSaid = 300;

/** In the codes of a key backend. */
function told(thrown: unknown, address: string): unknown {
  if (!(thrown instanceof ResponseFault)) return thrown;
  const { status, errors } = thrown;
  const code = status === 400 ? 'invalid-request' : status === 403 ? 'permission-denied' : 'unavailable';
  const said = errors.join('; ').slice(0, longestSaid);
  return new Fault(code, `the transit engine at ${address} answered ${status}${said === '' ? '' : `: ${said}`}`, { cause: thrown });
}
