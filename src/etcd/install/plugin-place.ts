// Where the KMS plugin stands on a control-plane node, and how it is started there: sidecar, static pod or systemd unit.

import { posix } from 'node:path';
import { stringify } from 'yaml';
import { readManifest } from '../nodes/manifest.ts';
import { withShownFolder } from '../nodes/manifest-folders.ts';
import { type Sidecar, withoutSidecar, withSidecar } from '../nodes/manifest-sidecar.ts';

export const pluginForms = ['sidecar', 'static-pod', 'systemd'] as const;
export type PluginForm = (typeof pluginForms)[number];

/** Paths on the node. */
export interface PluginPlace {
  readonly form: PluginForm;
  /** Of the container; a systemd unit has none. */
  readonly image: string | undefined;
  /** For its configuration and its ring, 0700. */
  readonly folder: string;
  /** Name of its configuration in that folder. */
  readonly configName: (typeof configNames)[number];
  /** As the plugin and kube-apiserver see it. */
  readonly socket: string;
  /** On the node, and shown to both as the folder of `socket`; another one only where the plugin is a sidecar. */
  readonly socketFolder: string;
  /** `127.0.0.1:8250`; undefined where it listens for nobody. */
  readonly health: string | undefined;
  /** Of a systemd unit: path of the command. */
  readonly program: string;
}

/** Of the container, of the pod and of the unit; volumes begin with it. */
export const pluginName = 'casemate-kms';
export const unitPath = `/etc/systemd/system/${pluginName}.service`;
/** What `systemctl enable` makes of `[Install]`; it would point nowhere once the unit is gone. */
export const unitLink = `/etc/systemd/system/multi-user.target.wants/${pluginName}.service`;
/** Of its configuration: ours, and JD Cloud's. */
export const configNames = ['kms.hcl', 'kms.json'] as const;

export function configFileOf({ folder, configName }: PluginPlace): string {
  return posix.join(folder, configName);
}

export function ringFileOf({ folder }: Pick<PluginPlace, 'folder'>): string {
  return posix.join(folder, 'etcd.ring');
}

/** Beside kube-apiserver's own. */
export function podPathOf(manifestPath: string): string {
  return posix.join(posix.dirname(manifestPath), `${pluginName}.yaml`);
}

/** HCL. One ring, which seals and opens. */
export function pluginConfigText(place: PluginPlace): string {
  const { socket, health } = place;
  return [
    '# Written by casemate kms install: the KMS plugin of kube-apiserver.',
    ...(health === undefined ? ['health { disabled = true }'] : ['health {', `  address = ${JSON.stringify(health)}`, '}']),
    '',
    'provider "secrets" {',
    `  socket = ${JSON.stringify(socket)}`,
    '',
    '  key "local" {',
    `    path = ${JSON.stringify(ringFileOf(place))}`,
    '  }',
    '}',
    '',
  ].join('\n');
}

/** kube-apiserver's manifest with the plugin beside it, or with its folder of sockets alone where it runs elsewhere. */
export function withPlugin(text: string, place: PluginPlace, path: string): string {
  if (place.form === 'sidecar') return withSidecar(text, { ...sidecarOf(place), path });
  const moved = readManifest(text, { path }).sidecars.includes(pluginName) ? withoutPlugin(text, path) : text;
  return withShownFolder(moved, { folder: posix.dirname(place.socket), volumeName: `${pluginName}-socket`, path });
}

export function withoutPlugin(text: string, path: string): string {
  return withoutSidecar(text, pluginName, { path });
}

function sidecarOf(place: PluginPlace): Sidecar {
  const { container, volumes } = containerOf(place);
  return { container, volumes, mounts: [{ name: `${pluginName}-socket`, mountPath: posix.dirname(place.socket) }] };
}

/** A static pod of its own: nothing says which of the two starts first. */
export function pluginPodText(place: PluginPlace): string {
  const { container, volumes } = containerOf(place);
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pluginName, namespace: 'kube-system', labels: { component: pluginName, tier: 'control-plane' } },
      spec: { hostNetwork: true, priorityClassName: 'system-node-critical', containers: [container], volumes },
    },
    { lineWidth: 0 },
  );
}

/** As root, who owns what kubeadm writes, and without any further right. */
function containerOf(place: PluginPlace): Pick<Sidecar, 'container' | 'volumes'> {
  const { image, folder, socket, socketFolder, health } = place;
  const [host, port] =
    health === undefined ? [] : [health.slice(0, health.lastIndexOf(':')), Number(health.slice(health.lastIndexOf(':') + 1))];
  const probe = { httpGet: { host, port, path: '/livez' }, periodSeconds: 1, failureThreshold: 60 };
  return {
    container: {
      name: pluginName,
      image,
      imagePullPolicy: 'IfNotPresent',
      command: ['casemate', 'kms', 'serve', `-config=${configFileOf(place)}`],
      ...(health === undefined ? {} : { startupProbe: probe }),
      securityContext: {
        runAsUser: 0,
        runAsGroup: 0,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      volumeMounts: [
        { name: `${pluginName}-config`, mountPath: folder, readOnly: true },
        { name: `${pluginName}-socket`, mountPath: posix.dirname(socket) },
      ],
    },
    volumes: [
      { name: `${pluginName}-config`, hostPath: { path: folder, type: 'Directory' } },
      { name: `${pluginName}-socket`, hostPath: { path: socketFolder, type: 'DirectoryOrCreate' } },
    ],
  };
}

export function unitText(place: PluginPlace): string {
  return [
    '[Unit]',
    'Description=KMS plugin of kube-apiserver (Casemate)',
    'Before=kubelet.service',
    // A key holder that is away for long must not be what systemd gives up over.
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `ExecStart=${place.program} kms serve -config=${configFileOf(place)}`,
    'Restart=always',
    'RestartSec=1',
    'UMask=0077',
    'NoNewPrivileges=yes',
    'PrivateTmp=yes',
    'ProtectSystem=full',
    'ProtectHome=yes',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** What an operator types; nothing is started over the manager's own connection. */
export const unitCommands = ['systemctl daemon-reload', `systemctl enable --now ${pluginName}.service`] as const;
