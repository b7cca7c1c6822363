// `casemate kms doctor`: one check after the other between kube-apiserver and the key, each with what was found and what to do.

import { Fault } from '../../base/fault.ts';
import type { FlagValues } from '../../cli/flags.ts';
import type { EncryptionConfig } from '../../etcd/config/encryption-config.ts';
import { endpointOf } from '../../etcd/config/endpoint.ts';
import { readEncryptionConfig } from '../../etcd/config/read-config.ts';
import { partOf } from '../../etcd/install/provider-steps.ts';
import { pluginConfigPath } from '../../etcd/install/remove-plugin.ts';
import type { ManagedNode } from '../../etcd/manager/managed-node.ts';
import { type ApiserverManifest, readManifest } from '../../etcd/nodes/manifest.ts';
import type { OpenCluster } from '../etcd/cluster.ts';
import { formatOf, shownAs } from '../etcd/show.ts';
import { withNodes } from './chosen.ts';
import { etcdCheck, healthCheck, loadedCheck, sealRemedy, secretCheck, storedCheck } from './doctor-cluster.ts';
import { keyCheck, permissionsCheck, pluginCheck, roundTripCheck, socketCheck } from './doctor-plugin.ts';
import { checked, type Finding, type Patient, sick, well } from './finding.ts';
import type { doctorFlags } from './flags.ts';

type Doctor = FlagValues<typeof doctorFlags>;

/** Resolves to the exit code: 1 when one check is not well. */
export async function doctor(flags: Doctor, signal: AbortSignal): Promise<number> {
  const shown = shownAs(formatOf(flags.format));
  return withNodes(flags, signal, async (cluster, nodes) => {
    const all: { readonly node: string; readonly checks: readonly Finding[] }[] = [];
    for (const node of nodes) all.push({ node: node.name, checks: await checksOf(cluster, node, flags, signal) });
    const isWell = all.every(({ checks }) => checks.every(({ ok }) => ok));
    shown.result({ ok: isWell, nodes: all }, () =>
      all.map(({ node, checks }) => [`${node}:`, ...checks.map(linesOf)].join('\n')).join('\n\n'),
    );
    return isWell ? 0 : 1;
  });
}

const widest = 14;

function linesOf({ name, ok, finding, remedy }: Finding): string {
  const line = `  ${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(widest)}  ${finding}.`;
  return remedy === '' ? line : `${line}\n${' '.repeat(widest + 10)}To do: ${remedy}.`;
}

async function checksOf(cluster: OpenCluster, node: ManagedNode, flags: Doctor, signal: AbortSignal): Promise<readonly Finding[]> {
  const file = await node.files.read(node.manifestPath, signal);
  if (file === undefined) throw new Fault('not-found', `there is no ${node.manifestPath} on ${node.name}`);
  const text = file.bytes.toString('utf8');
  const manifest = readManifest(text, { path: `${node.manifestPath} on ${node.name}` });
  const flag = flagCheck(manifest, node);
  const found: Finding[] = [flag, ...(flag.ok ? [reloadCheck(manifest, node)] : [])];
  const config = flag.ok ? await configOf(manifest, node, signal) : undefined;
  const named = config === undefined ? undefined : await configurationCheck(config, flags['kms-name'] ?? '', node, signal);
  if (named !== undefined) found.push(named.finding);
  const { part, text: configText } = named ?? {};
  if (part === undefined || configText === undefined) return [...found, await etcdCheck({ cluster } as Patient, signal)];
  const { provider, seals } = part;
  const socket = endpointOf(provider.endpoint)?.socket;
  const patient: Patient = {
    ...{ cluster, node, manifest, provider, seals },
    isHere: cluster.fleet.nodes.some(({ name, access }) => name === node.name && access.type === 'local'),
    config: configText,
    socket: socket === undefined ? undefined : manifest.nodePathOf(socket),
    pluginConfig: await pluginConfigPath(node, { text }, signal),
  };
  return [...found, ...(await pluginChecks(patient, flags.namespace ?? 'kube-system', signal))];
}

async function pluginChecks(patient: Patient, namespace: string, signal: AbortSignal): Promise<readonly Finding[]> {
  const found = [await socketCheck(patient, signal), await permissionsCheck(patient, signal)];
  const { finding, spoken } = await pluginCheck(patient, signal);
  found.push(finding);
  try {
    if (spoken !== undefined) found.push(await roundTripCheck(spoken, signal));
    found.push(await keyCheck(patient, spoken, signal), await healthCheck(patient, signal), await loadedCheck(patient, spoken, signal));
    const etcd = await etcdCheck(patient, signal);
    found.push(etcd);
    // Without etcd nobody sees how anything is stored.
    if (etcd.ok) found.push(await storedCheck(patient, spoken, signal), await secretCheck(patient, namespace, signal));
  } finally {
    spoken?.caller.close();
  }
  return found;
}

function flagCheck({ encryption, encryptionMount }: ApiserverManifest, { name }: ManagedNode): Finding {
  if (encryption.configPath === undefined)
    return sick(
      'flag',
      `kube-apiserver on ${name} is started without --encryption-provider-config, so everything lies in etcd in clear`,
      'run "casemate kms install" on this node',
    );
  if (encryptionMount.type === 'not-mounted')
    return sick(
      'flag',
      `kube-apiserver on ${name} is to read ${encryption.configPath}, which no volume of its manifest shows`,
      'mount the folder of that file in the manifest, as a hostPath volume',
    );
  return well('flag', `kube-apiserver on ${name} reads ${encryption.configPath}`);
}

function reloadCheck({ encryption, encryptionMount }: ApiserverManifest, { name }: ManagedNode): Finding {
  const remedy = 'run "casemate kms install" again, which sets the flag and mounts the folder; kube-apiserver is started anew for that';
  if (encryptionMount.type === 'single-file')
    return sick('reload', `the configuration of ${name} is mounted as a single file: what is renamed over it is never seen`, remedy);
  return encryption.automaticReload
    ? well('reload', 'a changed configuration is loaded without a restart')
    : sick(
        'reload',
        `kube-apiserver on ${name} does not load a changed configuration: --encryption-provider-config-automatic-reload is not set`,
        remedy,
      );
}

async function configOf({ encryptionMount }: ApiserverManifest, node: ManagedNode, signal: AbortSignal) {
  if (encryptionMount.type !== 'folder' && encryptionMount.type !== 'single-file') return undefined;
  const path = encryptionMount.nodePath;
  return { path, text: (await node.files.read(path, signal))?.bytes.toString('utf8') };
}

async function configurationCheck(
  { path, text }: { readonly path: string; readonly text: string | undefined },
  name: string,
  node: ManagedNode,
  signal: AbortSignal,
) {
  let config: EncryptionConfig | undefined;
  const finding = await checked('configuration', 'mend that file, or run "casemate kms install" again', signal, async () => {
    if (text === undefined)
      return sick('configuration', `there is no ${path} on ${node.name}`, 'put it back, or run "casemate kms install"');
    config = readEncryptionConfig(text, { path }).config;
    const part = partOf(config, name);
    if (part === undefined)
      return sick('configuration', `${path} names no KMS ${name}`, 'run "casemate kms install", or name another one with -kms-name');
    return part.seals.length === 0
      ? sick('configuration', `the KMS ${name} opens and does not seal: what is written lies in etcd as before`, sealRemedy(part.provider))
      : well('configuration', `${part.seals.join(', ')} is sealed by the KMS ${name} at ${part.provider.endpoint}`);
  });
  return { finding, text, part: config === undefined ? undefined : partOf(config, name) };
}
