// Calls a KMS plugin over its socket as kube-apiserver does, in version 2: what it says of itself, and whether it seals and opens.

import { connect } from 'node:net';
import { asFault, Fault } from '../../base/fault.ts';
import { type EncryptReply, type StatusReply, writeDecryptRequest } from '../../etcd/plugin/wire/messages.ts';
import { message, readFields, textOf } from '../../etcd/plugin/wire/protobuf.ts';
import { speakGrpc } from '../../etcd/verify/grpc-connection.ts';

export interface SealedByPlugin extends EncryptReply {
  readonly ciphertext: Uint8Array;
}

/** Each call has five seconds. All throw Fault: `timeout`, `unavailable`, or what the plugin refuses with, in its own words. */
export interface PluginCaller {
  status(signal: AbortSignal): Promise<StatusReply>;
  seal(plaintext: Uint8Array, signal: AbortSignal): Promise<SealedByPlugin>;
  open(sealed: EncryptReply, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

const patience = 5_000;
const mostMessage = 128 * 1_024;
const uid = 'casemate-kms-doctor';

/** `path` is that of the socket, as this machine sees it. */
export async function callPlugin(path: string, signal: AbortSignal): Promise<PluginCaller> {
  const refusal = (status: number, words: string) => new Fault('invalid-request', `the plugin refused (gRPC status ${status}): ${words}`);
  const grpc = await limited(signal, async (both) => {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (cause: NodeJS.ErrnoException) =>
        reject(new Fault('unavailable', `nobody listens at ${path} (${cause.code})`, { cause })),
      );
      both.addEventListener('abort', () => socket.destroy(both.reason as Error), { once: true });
    });
    return speakGrpc(socket, { url: 'http://localhost', mostMessage, quiet: 2 * patience, refusal }, both);
  });
  const call = (method: string, request: Buffer, outer: AbortSignal): Promise<Buffer> =>
    limited(outer, async (both) => {
      for await (const answer of grpc.call(`/v2.KeyManagementService/${method}`, request, both)) return answer;
      throw new Fault('unavailable', 'the plugin gave an empty answer');
    });
  return {
    async status(outer) {
      const values = fieldsOf(await call('Status', Buffer.alloc(0), outer));
      return { version: textAt(values, 1), healthz: textAt(values, 2), keyId: textAt(values, 3) };
    },
    async seal(plaintext, outer) {
      const answer = await call(
        'Encrypt',
        message([
          [1, plaintext],
          [2, uid],
        ]),
        outer,
      );
      const annotations = new Map<string, Uint8Array>();
      readFields(answer, ({ number, value }) => {
        if (number !== 3 || value === undefined) return;
        const entry = fieldsOf(value);
        annotations.set(textAt(entry, 1), entry.get(2) ?? Buffer.alloc(0));
      });
      const values = fieldsOf(answer);
      return { ciphertext: values.get(1) ?? Buffer.alloc(0), keyId: textAt(values, 2), annotations };
    },
    async open({ ciphertext, keyId, annotations }, outer) {
      const request = writeDecryptRequest({ ciphertext: Buffer.from(ciphertext), uid, keyId, annotations });
      return fieldsOf(await call('Decrypt', request, outer)).get(1) ?? Buffer.alloc(0);
    },
    close: grpc.close,
  };
}

async function limited<T>(outer: AbortSignal, work: (both: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(patience);
  try {
    return await work(AbortSignal.any([outer, late]));
  } catch (thrown) {
    outer.throwIfAborted();
    if (late.aborted) throw new Fault('timeout', `the plugin did not answer within ${patience / 1_000} s`, { cause: thrown });
    throw thrown instanceof Fault ? thrown : new Fault('unavailable', 'the plugin ended the connection', { cause: asFault(thrown) });
  }
}

function fieldsOf(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const values = new Map<number, Buffer>();
  readFields(bytes, ({ number, value }) => {
    if (value !== undefined) values.set(number, value);
  });
  return values;
}

function textAt(values: ReadonlyMap<number, Buffer>, number: number): string {
  return textOf(values.get(number) ?? Buffer.alloc(0));
}
