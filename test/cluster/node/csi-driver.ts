// A CSI driver for ephemeral volumes that a test serves: each volume holds one file with a text of the pod's volume attributes.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { nodeName } from './kubelet.ts';

export interface PublishRequest {
  readonly volume_id: string;
  readonly target_path: string;
  readonly volume_context: Readonly<Record<string, string>>;
}

export interface CsiDriver {
  /** Of the volumes that pods have now: their folders as the kubelet names them. */
  readonly published: ReadonlyMap<string, PublishRequest>;
  /** What the kubelet said about the registration; undefined before it did. */
  registered(): { readonly plugin_registered: boolean; readonly error: string } | undefined;
  close(): void;
}

const insideFolder = '/var/lib/kubelet';

/**
 * Unix sockets are found by their path, whatever the network: so the test serves in the kubelet's folder as it sees it, and the kubelet
 * calls. `kubeletFolder` is a `ClusterNode`'s. The driver needs a CSIDriver object of the same name.
 */
export async function serveCsiDriver(kubeletFolder: string, name: string): Promise<CsiDriver> {
  const published = new Map<string, PublishRequest>();
  let status: { readonly plugin_registered: boolean; readonly error: string } | undefined;
  const outside = (path: string): string => join(kubeletFolder, path.slice(insideFolder.length));
  const driver = new Server();
  driver.addService(serviceOf('csi', 'csi.v1.Identity'), {
    GetPluginInfo: answering(() => ({ name, vendor_version: '1' })),
    Probe: answering(() => ({})),
  });
  driver.addService(serviceOf('csi', 'csi.v1.Node'), {
    NodeGetInfo: answering(() => ({ node_id: nodeName })),
    NodeGetCapabilities: answering(() => ({})),
    NodePublishVolume: answering((request: PublishRequest) => {
      mkdirSync(outside(request.target_path), { recursive: true });
      writeFileSync(join(outside(request.target_path), 'text'), request.volume_context['text'] ?? '');
      published.set(request.target_path, request);
      return {};
    }),
    NodeUnpublishVolume: answering(({ target_path }: PublishRequest) => {
      rmSync(outside(target_path), { recursive: true, force: true });
      published.delete(target_path);
      return {};
    }),
  });
  const registration = new Server();
  registration.addService(serviceOf('registration', 'pluginregistration.Registration'), {
    GetInfo: answering(() => ({
      type: 'CSIPlugin',
      name,
      endpoint: `${insideFolder}/plugins/${name}/csi.sock`,
      supported_versions: ['1.0.0'],
    })),
    NotifyRegistrationStatus: answering((told: { readonly plugin_registered: boolean; readonly error: string }) => {
      status = told;
      return {};
    }),
  });
  mkdirSync(join(kubeletFolder, 'plugins', name), { recursive: true });
  await listen(driver, join(kubeletFolder, 'plugins', name, 'csi.sock'));
  // The kubelet calls as soon as it sees this socket.
  await listen(registration, join(kubeletFolder, 'plugins_registry', `${name}-reg.sock`));
  return {
    published,
    registered: () => status,
    close() {
      registration.forceShutdown();
      driver.forceShutdown();
    },
  };
}

function serviceOf(file: string, path: string): ServiceClientConstructor['service'] {
  const definition = loadSync(join(import.meta.dirname, 'proto', `${file}.proto`), { keepCase: true, defaults: true });
  let found: unknown = loadPackageDefinition(definition);
  for (const part of path.split('.')) found = (found as Readonly<Record<string, unknown>>)[part];
  return (found as ServiceClientConstructor).service;
}

function answering<Request>(answer: (request: Request) => object) {
  return ({ request }: ServerUnaryCall<Request, object>, reply: sendUnaryData<object>): void => reply(null, answer(request));
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) =>
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (failed) => (failed === null ? resolve() : reject(failed))),
  );
}
