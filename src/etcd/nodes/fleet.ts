// Which control-plane nodes there are and how each is reached: from a file of ours, or from the cluster.yml of RKE.

import { isAbsolute } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { type FieldReader, fieldReader } from './fleet-fields.ts';
import { type Fleet, type FleetSource, type NodeSpec, pathFrom } from './fleet-spec.ts';
import { isLayoutName, type LayoutName, layoutOf, layouts } from './layout.ts';
import type { ValuePath } from './manifest-splice.ts';
import type { JumpHost, NodeAccess, SshAccess } from './node-access.ts';
import { isRkeCluster, readRkeCluster } from './rke-cluster.ts';

export type { Fleet, NodeSpec, RequestedEncryption } from './fleet-spec.ts';

const known = {
  root: ['kubeconfig', 'layout', 'nodes', 'ssh'],
  node: ['name', 'ssh', 'local', 'pod', 'manifest', 'folder'],
  ssh: ['host', 'port', 'user', 'key', 'agent', 'known_hosts', 'sudo', 'jump'],
  sshDefaults: ['port', 'user', 'key', 'agent', 'known_hosts', 'sudo', 'jump'],
  jump: ['host', 'port', 'user', 'key'],
  pod: ['image', 'namespace'],
};

/** Throws Fault `invalid-request` with path and line for whatever is not understood: a setting that nobody reads is a mistake. */
export function readFleet(text: string, source: FleetSource): Fleet {
  const reader = fieldReader(text, source.path);
  reader.map([]);
  const fleet = isRkeCluster(reader)
    ? readRkeCluster(fieldReader(text, source.path, { emptyIsAbsent: true }), source)
    : readOwnFile(reader, source);
  const twice = fleet.nodes.find(({ name }, index) => fleet.nodes.findIndex((each) => each.name === name) !== index);
  if (twice !== undefined)
    throw new Fault('invalid-request', `${source.path} names the node ${twice.name} twice: each kube-apiserver has a host name of its own`);
  return fleet;
}

function readOwnFile(reader: FieldReader, source: FleetSource): Fleet {
  reader.map([], known.root);
  const layout = reader.text(['layout']) ?? 'kubeadm';
  if (!isLayoutName(layout)) return reader.refuse(['layout'], `is not known: it is one of ${Object.keys(layouts).join(', ')}`);
  reader.map(['ssh'], known.sshDefaults);
  const count = reader.list(['nodes']) ?? 0;
  if (count === 0) return reader.refuse(['nodes'], 'has to list the control-plane nodes');
  const kubeconfig = reader.text(['kubeconfig']);
  return {
    kubeconfig: kubeconfig === undefined ? undefined : pathFrom(kubeconfig, source),
    layout,
    nodes: Array.from({ length: count }, (_, index) => readNode(reader, source, ['nodes', index], layout)),
  };
}

function readNode(reader: FieldReader, source: FleetSource, at: ValuePath, layout: LayoutName): NodeSpec {
  if (!reader.map(at, known.node)) return reader.refuse(at, 'is empty: name the node');
  const name = reader.text([...at, 'name']) ?? reader.refuse(at, 'has no name: give it the host name of the node');
  const { manifest = layouts.kubeadm.manifest ?? '', folder } = layoutOf(layout);
  return {
    name,
    access: readAccess(reader, source, at, name),
    manifest: absolute(reader, [...at, 'manifest']) ?? manifest,
    folder: absolute(reader, [...at, 'folder']) ?? folder,
  };
}

function readAccess(reader: FieldReader, source: FleetSource, at: ValuePath, name: string): NodeAccess {
  const ways = [
    ...(reader.flag([...at, 'local']) === true ? ['local'] : []),
    ...(reader.map([...at, 'ssh'], known.ssh) ? ['ssh'] : []),
    ...(reader.map([...at, 'pod'], known.pod) ? ['pod'] : []),
  ];
  if (ways.length > 1) return reader.refuse(at, `is reached by ${ways.join(' and ')}: name one way`);
  if (ways[0] === 'local') return { type: 'local' };
  if (ways[0] === 'pod')
    return {
      type: 'pod',
      image: reader.text([...at, 'pod', 'image']) ?? 'busybox:1.36',
      namespace: reader.text([...at, 'pod', 'namespace']) ?? 'kube-system',
    };
  if (ways.length === 0 && !reader.map(['ssh'])) return reader.refuse(at, 'does not tell how it is reached: give it ssh, local or pod');
  return readSsh(reader, source, at, name);
}

/** The node's own word before the one for all. */
function readSsh(reader: FieldReader, source: FleetSource, at: ValuePath, name: string): SshAccess {
  const own = (member: string): ValuePath => [...at, 'ssh', member];
  const shared = (member: string): ValuePath => ['ssh', member];
  const text = (member: string): string | undefined => reader.text(own(member)) ?? reader.text(shared(member));
  const flag = (member: string): boolean | undefined => reader.flag(own(member)) ?? reader.flag(shared(member));
  const key = text('key');
  const jump = reader.map(own('jump'), known.jump) ? own('jump') : reader.map(shared('jump'), known.jump) ? shared('jump') : undefined;
  const user = text('user') ?? 'root';
  const knownHosts = reader.texts(own('known_hosts')) ?? reader.texts(shared('known_hosts')) ?? [];
  return {
    type: 'ssh',
    host: reader.text(own('host')) ?? name,
    port: reader.port(own('port')) ?? reader.port(shared('port')) ?? 22,
    user,
    ...(key === undefined ? {} : { keyFile: pathFrom(key, source) }),
    // Without a key there is nothing else to log in with.
    agent: source.sshAgent ?? flag('agent') ?? key === undefined,
    ...(jump === undefined ? {} : { jump: readJump(reader, source, jump, { user, key }) }),
    knownHosts: knownHosts.map((each) => pathFrom(each, source)),
    sudo: flag('sudo') ?? false,
  };
}

function readJump(
  reader: FieldReader,
  source: FleetSource,
  at: ValuePath,
  node: { readonly user: string; readonly key: string | undefined },
): JumpHost {
  const key = reader.text([...at, 'key']) ?? node.key;
  return {
    host: reader.text([...at, 'host']) ?? reader.refuse(at, 'has no host'),
    port: reader.port([...at, 'port']) ?? 22,
    user: reader.text([...at, 'user']) ?? node.user,
    ...(key === undefined ? {} : { keyFile: pathFrom(key, source) }),
  };
}

function absolute(reader: FieldReader, at: ValuePath): string | undefined {
  const path = reader.text(at);
  return path === undefined || isAbsolute(path) ? path : reader.refuse(at, 'has to be an absolute path on the node');
}
