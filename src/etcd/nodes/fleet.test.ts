// Files that name the control-plane nodes are read strictly, and RKE's as RKE reads it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readFleet } from './fleet.ts';

const source = { path: '/srv/casemate-etcd.yaml', home: '/srv/ops' };
const cluster = readFileSync(join('test', 'vectors', 'manifests', 'rke-cluster.yml'), 'utf8');

const own = `kubeconfig: admin.conf
nodes:
  - name: cp1
    ssh: { host: 10.0.0.11, port: 2222, user: admin, key: ~/.ssh/id_ed25519, sudo: true, jump: { host: gate, user: me } }
  - name: cp2
    local: true
  - name: cp3
    pod: { image: 'registry.example.com/busybox:1' }
    manifest: /srv/manifests/kube-apiserver.yaml
    folder: /srv/encryption
  - name: cp4
ssh:
  user: ops
  key: keys/ops
  agent: true
  known_hosts: [known, /etc/ssh/ssh_known_hosts]
`;

test('nodes over SSH, local and by pod are read, with what holds for all of them', () => {
  const fleet = readFleet(own, source);
  const kubeadm = { manifest: '/etc/kubernetes/manifests/kube-apiserver.yaml', folder: '/etc/kubernetes/encryption' };
  expect(fleet).toMatchObject({ kubeconfig: '/srv/admin.conf', layout: 'kubeadm' });
  expect(fleet.encryption).toBeUndefined();
  expect(fleet.nodes).toEqual([
    {
      name: 'cp1',
      access: {
        type: 'ssh',
        host: '10.0.0.11',
        port: 2222,
        user: 'admin',
        keyFile: '/srv/ops/.ssh/id_ed25519',
        agent: true,
        jump: { host: 'gate', port: 22, user: 'me', keyFile: '/srv/ops/.ssh/id_ed25519' },
        knownHosts: ['/srv/known', '/etc/ssh/ssh_known_hosts'],
        sudo: true,
      },
      ...kubeadm,
    },
    { name: 'cp2', access: { type: 'local' }, ...kubeadm },
    {
      name: 'cp3',
      access: { type: 'pod', image: 'registry.example.com/busybox:1', namespace: 'kube-system' },
      manifest: '/srv/manifests/kube-apiserver.yaml',
      folder: '/srv/encryption',
    },
    {
      name: 'cp4',
      access: {
        type: 'ssh',
        host: 'cp4',
        port: 22,
        user: 'ops',
        keyFile: '/srv/keys/ops',
        agent: true,
        knownHosts: ['/srv/known', '/etc/ssh/ssh_known_hosts'],
        sudo: false,
      },
      ...kubeadm,
    },
  ]);
});

test('without a key the agent is asked', () => {
  const [node] = readFleet('nodes:\n- name: a\n  ssh: {host: b}\n', source).nodes;
  expect(node?.access).toMatchObject({ type: 'ssh', agent: true, user: 'root' });
  expect(node?.access).not.toHaveProperty('keyFile');
});

test('RKE2 and k3s have their own places', () => {
  const [node] = readFleet('layout: rke2\nnodes: [{name: a, local: true}]', source).nodes;
  expect(node?.manifest).toBe('/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml');
});

test.each([
  ['nodes: []', ':1: nodes has to list the control-plane nodes'],
  ['nodes:\n- local: true', ':2: nodes[0].name has no name'.replace('.name', '')],
  ['nodes:\n- name: a\n  locl: true', ':3: nodes[0].locl is no setting here: known are name, ssh, local'],
  ['nodes:\n- name: a\n  ssh:\n    hots: b', ':4: nodes[0].ssh.hots is no setting here'],
  ['nodes:\n- name: a\n  ssh:\n    port: 70000', ':4: nodes[0].ssh.port has to be a port number'],
  ['nodes:\n- name: a\n  ssh: 10.0.0.1', ':3: nodes[0].ssh has to be a map of settings'],
  ['nodes:\n- name: a\n  ssh: {sudo: "yes"}', ':3: nodes[0].ssh.sudo has to be true or false'],
  ['nodes:\n- name: a\n  local: true\n  pod: {}', ':2: nodes[0] is reached by local and pod: name one way'],
  ['nodes:\n- name: a\n', ':2: nodes[0] does not tell how it is reached'],
  ['nodes:\n- name: a\n  local: true\n  folder: enc', ':4: nodes[0].folder has to be an absolute path'],
  ['layout: kops\nnodes: [{name: a, local: true}]', ':1: layout is not known: it is one of kubeadm, rke, rke2, k3s'],
  ['nodes: [{name: a, local: true}, {name: a, local: true}]', ' names the node a twice'],
  ['- a', ':1: has to be a map of settings'],
  ['a: {', ':1 is no YAML'],
  ['ssh: {key: "hunter2\n', ':2 is no YAML: mend it first'],
])('a mistake is told with its line: %j', (text, message) => {
  expect(() => readFleet(text, source)).toThrow(`${source.path}${message}`);
});

test('a cluster.yml of RKE tells the controlplane nodes, with the defaults of RKE', () => {
  const fleet = readFleet(cluster, { path: 'cluster.yml', home: '/srv/ops' });
  expect(fleet.layout).toBe('rke');
  expect(fleet.nodes.map(({ name }) => name)).toEqual(['cp-1', '10.0.0.22']);
  expect(fleet.nodes[0]?.access).toEqual({
    type: 'ssh',
    host: '10.0.0.21',
    port: 22,
    user: 'ubuntu',
    keyFile: '/srv/ops/.ssh/cp1',
    agent: false,
    jump: { host: 'bastion.example.com', port: 22, user: 'jump', keyFile: '/srv/ops/.ssh/id_rsa' },
    knownHosts: [],
    sudo: true,
  });
  expect(fleet.nodes[1]?.access).toMatchObject({ port: 2222, user: 'root', sudo: false, keyFile: '/srv/ops/.ssh/id_rsa' });
});

test('settings that rke config writes out empty are not set', () => {
  const empty = cluster.replace('hostname_override: CP-1', 'hostname_override: ""').replace(/(bastion_host:\n {2}address: ).*/, '$1""');
  const [node] = readFleet(empty, { path: 'cluster.yml', home: '/srv/ops' }).nodes;
  expect(node?.name).toBe('10.0.0.21');
  expect(node?.access).not.toHaveProperty('jump');
});

test('what cluster.yml asks for is taken as it is', () => {
  const { encryption } = readFleet(cluster, { path: 'cluster.yml', home: '/srv/ops' });
  expect(encryption).toMatchObject({ enabled: true, rotateKey: false, extraBinds: ['/var/run/kmsplugin/:/var/run/kmsplugin/'] });
  expect(parse(encryption?.customConfig ?? '')).toEqual(parse(cluster).services['kube-api'].secrets_encryption_config.custom_config);
});

test('a cluster.yml without the block asks for no encryption', () => {
  const bare = 'nodes: [{address: a, user: root, role: [controlplane]}]';
  expect(readFleet(bare, { path: 'cluster.yml' }).encryption).toEqual({ enabled: false, rotateKey: false, extraBinds: [] });
  expect(readFleet(`${bare}\nrotate_encryption_key: true`, { path: 'cluster.yml' }).encryption?.rotateKey).toBe(true);
});

test('--ssh-agent-auth and ssh_agent_auth take the agent in place of all keys', () => {
  const byFlag = readFleet(cluster, { path: 'cluster.yml', home: '/srv/ops', sshAgent: true });
  const byFile = readFleet(cluster.replace('ssh_agent_auth: false', 'ssh_agent_auth: true'), { path: 'cluster.yml', home: '/srv/ops' });
  for (const { nodes } of [byFlag, byFile]) {
    expect(nodes[0]?.access).toMatchObject({ agent: true, jump: { host: 'bastion.example.com' } });
    expect(JSON.stringify(nodes)).not.toContain('keyFile');
  }
});

test.each([
  [cluster.replace('ssh_key: ""', 'ssh_key: |-\n    -----BEGIN hunter2'), 'cluster.yml:13: nodes[0].ssh_key holds a private key'],
  [cluster.replace('  user: ubuntu\n  docker', '  docker'), 'cluster.yml:4: nodes[0] has no user'],
  [cluster.replaceAll('controlplane', 'worker'), 'cluster.yml:3: nodes has no node with the role controlplane'],
  [
    cluster.replace('enabled: true', 'enable: true'),
    'cluster.yml:35: services.kube-api.secrets_encryption_config.enable is no setting here',
  ],
])('a cluster.yml that cannot be followed is refused with its line', (text, message) => {
  const refused = () => readFleet(text, { path: 'cluster.yml', home: '/srv/ops' });
  expect(refused).toThrow(message);
  expect(refused).not.toThrow('hunter2');
});
