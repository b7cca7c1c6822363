// Calls the plugin as kube-apiserver does: through the published service definitions, which the plugin itself does not read.

import { join } from 'node:path';
import { type Client, credentials, type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

// biome-ignore lint/suspicious/noExplicitAny: answers of two services.
export type KmsAnswer = any;

export interface KmsCaller {
  /** Rejects with the `code` and `details` of gRPC. */
  call(method: string, request: object, deadline?: number): Promise<KmsAnswer>;
  /** Bytes in place of a message, on the path of a method of the service. */
  raw(method: string, bytes: Buffer): Promise<Buffer>;
  close(): void;
}

export function kmsCaller(socket: string, version: 'v2' | 'v1beta1' = 'v2'): KmsCaller {
  const file = join(import.meta.dirname, '..', 'cluster', 'fixture', 'proto', `kms-${version}.proto`);
  const loaded = loadPackageDefinition(loadSync(file, { keepCase: true, defaults: true }));
  const Service = (loaded[version] as GrpcObject)['KeyManagementService'] as ServiceClientConstructor;
  const client: Client = new Service(`unix://${socket}`, credentials.createInsecure(), {
    // Clients of one process share their connections, and with them the wait before the next try.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
  });
  const asItIs = (bytes: Buffer): Buffer => bytes;
  return {
    call: (method, request, deadline = 5_000) =>
      new Promise((resolve, reject) => {
        const made = (client as unknown as Record<string, (...given: unknown[]) => void>)[method] as (...given: unknown[]) => void;
        made.call(client, request, { deadline: Date.now() + deadline }, (error: Error | null, answer: KmsAnswer) =>
          error === null ? resolve(answer) : reject(error),
        );
      }),
    raw: (method, bytes) =>
      new Promise((resolve, reject) => {
        const path = `/${version}.KeyManagementService/${method}`;
        client.makeUnaryRequest(path, asItIs, asItIs, bytes, { deadline: Date.now() + 5_000 }, (error, answer) =>
          error === null ? resolve(answer as Buffer) : reject(error),
        );
      }),
    close: () => client.close(),
  };
}
