// The cluster.yml of RKE, as far as it tells the control-plane nodes and what is asked for their encryption at rest.

import { posix } from 'node:path';
import { stringify } from 'yaml';
import type { FieldReader } from './fleet-fields.ts';
import { type Fleet, type FleetSource, type NodeSpec, pathFrom, type RequestedEncryption } from './fleet-spec.ts';
import { layouts } from './layout.ts';
import type { ValuePath } from './manifest-splice.ts';
import type { JumpHost } from './node-access.ts';

const kubeApi: ValuePath = ['services', 'kube-api'];
const encryptionPlace: ValuePath = [...kubeApi, 'secrets_encryption_config'];

/** RKE's nodes have an address and roles, ours have a name. */
export function isRkeCluster(reader: FieldReader): boolean {
  const root = reader.value([]) as Readonly<Record<string, unknown>> | undefined;
  const first = Array.isArray(root?.['nodes']) ? (root['nodes'][0] as Readonly<Record<string, unknown>> | undefined) : undefined;
  return root?.['services'] !== undefined || root?.['cluster_name'] !== undefined || first?.['role'] !== undefined;
}

/**
 * Takes what rke takes, with its defaults (rancher/rke, types/rke_types.go and cluster/defaults.go): port 22, `~/.ssh/id_rsa`, the
 * agent for all nodes or for none, the bastion's key the cluster's. Settings that do not matter here are passed over, also
 * `ignore_docker_version`. A user who is not root gets sudo: RKE had Docker's rights for that. Throws Fault `invalid-request` with
 * path and line, also for keys that stand in the file itself: they have to lie in files of their own.
 */
export function readRkeCluster(reader: FieldReader, source: FleetSource): Fleet {
  const count = reader.list(['nodes']) ?? 0;
  const places = Array.from({ length: count }, (_, index): ValuePath => ['nodes', index]);
  const nodes = places.filter((at) => (reader.texts([...at, 'role']) ?? []).includes('controlplane'));
  if (nodes.length === 0) return reader.refuse(['nodes'], 'has no node with the role controlplane');
  const jump = readBastion(reader, source);
  return {
    layout: 'rke',
    nodes: nodes.map((at) => readNode(reader, source, at, jump)),
    encryption: readEncryption(reader),
  };
}

function readNode(reader: FieldReader, source: FleetSource, at: ValuePath, jump: JumpHost | undefined): NodeSpec {
  const address = reader.text([...at, 'address']) ?? reader.refuse(at, 'has no address');
  const user = reader.text([...at, 'user']) ?? reader.refuse(at, 'has no user');
  refuseInlineKey(reader, at);
  const agent = usesAgent(reader, source);
  const key = reader.text([...at, 'ssh_key_path']) ?? clusterKey(reader);
  const { manifest = '', folder } = layouts.rke;
  return {
    // RKE gives Kubernetes lower-case names (cluster/hosts.go).
    name: (reader.text([...at, 'hostname_override']) ?? address).toLowerCase(),
    access: {
      type: 'ssh',
      host: address,
      port: reader.port([...at, 'port']) ?? 22,
      user,
      ...(agent ? {} : { keyFile: pathFrom(key, source) }),
      agent,
      ...(jump === undefined ? {} : { jump }),
      knownHosts: [],
      sudo: user !== 'root',
    },
    manifest,
    folder: posix.join(reader.text(['prefix_path']) ?? '/', folder),
  };
}

function readBastion(reader: FieldReader, source: FleetSource): JumpHost | undefined {
  const at: ValuePath = ['bastion_host'];
  if (!reader.map(at)) return undefined;
  const host = reader.text([...at, 'address']);
  if (host === undefined) return undefined;
  refuseInlineKey(reader, at);
  const key = reader.text([...at, 'ssh_key_path']) ?? clusterKey(reader);
  return {
    host,
    port: reader.port([...at, 'port']) ?? 22,
    user: reader.text([...at, 'user']) ?? reader.refuse(at, 'has no user'),
    ...(usesAgent(reader, source) ? {} : { keyFile: pathFrom(key, source) }),
  };
}

function readEncryption(reader: FieldReader): RequestedEncryption | undefined {
  reader.map(['services']);
  reader.map(kubeApi);
  const rotateKey = reader.flag(['rotate_encryption_key']) ?? false;
  const extraBinds = reader.texts([...kubeApi, 'extra_binds']) ?? [];
  if (!reader.map(encryptionPlace, ['enabled', 'custom_config'])) return { enabled: false, rotateKey, extraBinds };
  const custom = [...encryptionPlace, 'custom_config'];
  const enabled = reader.flag([...encryptionPlace, 'enabled']) ?? false;
  return {
    enabled,
    ...(reader.map(custom) ? { customConfig: stringify(reader.value(custom), { lineWidth: 0 }) } : {}),
    rotateKey,
    extraBinds,
  };
}

/** RKE itself takes the agent for the whole cluster, and passes over what a single node says. */
const usesAgent = (reader: FieldReader, source: FleetSource): boolean => source.sshAgent ?? reader.flag(['ssh_agent_auth']) ?? false;

const clusterKey = (reader: FieldReader): string => reader.text(['ssh_key_path']) ?? '~/.ssh/id_rsa';

function refuseInlineKey(reader: FieldReader, at: ValuePath): void {
  const ways: Readonly<Record<string, string>> = {
    ssh_key: 'holds a private key: put it into a file of its own, readable by its owner alone, and name that in ssh_key_path',
    ssh_cert: 'holds an SSH certificate, and certificates are not taken: log in with a key or with the agent',
    ssh_cert_path: 'names an SSH certificate, and certificates are not taken: log in with a key or with the agent',
  };
  for (const [name, message] of Object.entries(ways)) if (reader.text([...at, name]) !== undefined) reader.refuse([...at, name], message);
}
