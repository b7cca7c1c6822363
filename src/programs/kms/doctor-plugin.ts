// The checks of `casemate kms doctor` between the manifest and the key: socket, permissions, the plugin's own words, its key.

import { lstatSync } from 'node:fs';
import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { systemRandom } from '../../crypto/random.ts';
import { endpointOf } from '../../etcd/config/endpoint.ts';
import { ringFileOf } from '../../etcd/install/plugin-place.ts';
import { checkKeys } from './check.ts';
import { loadKmsConfig } from './config-file.ts';
import { checked, type Finding, type Patient, type Spoken, sick, well } from './finding.ts';
import { callPlugin } from './plugin-call.ts';

const startIt =
  'see why the plugin does not run: "crictl ps -a --name casemate-kms" and the log of that container, or "systemctl status casemate-kms"';

export async function socketCheck({ node, provider, socket }: Patient, signal: AbortSignal): Promise<Finding> {
  return checked('socket', startIt, signal, async () => {
    const path = endpointOf(provider.endpoint)?.socket ?? provider.endpoint;
    if (socket === undefined)
      return sick(
        'socket',
        `the manifest of kube-apiserver mounts no folder of the node in which ${path} lies`,
        'run "casemate kms install" again, which adds the mount',
      );
    const names = await node.files.list(posix.dirname(socket), signal);
    if (names === undefined) return sick('socket', `there is no folder ${posix.dirname(socket)} on ${node.name}`, startIt);
    return names.includes(posix.basename(socket))
      ? well('socket', `${socket} is there`)
      : sick('socket', `there is no socket ${socket} on ${node.name}`, startIt);
  });
}

export async function permissionsCheck({ node, isHere, socket, pluginConfig }: Patient, signal: AbortSignal): Promise<Finding> {
  return checked('permissions', 'make the files readable for root, and look again', signal, async () => {
    const open: { readonly path: string; readonly mode: number; readonly wanted: string }[] = [];
    const look = (path: string, mode: number | undefined, wanted: string) => {
      if (mode !== undefined && (mode & 0o077) !== 0) open.push({ path, mode, wanted });
    };
    if (isHere && socket !== undefined) {
      look(posix.dirname(socket), modeHere(posix.dirname(socket)), '0700');
      look(socket, modeHere(socket), '0600');
    }
    if (pluginConfig !== undefined)
      for (const path of [pluginConfig, ringFileOf({ folder: posix.dirname(pluginConfig) })])
        look(path, (await node.files.read(path, signal))?.mode, '0600');
    if (open.length > 0)
      return sick(
        'permissions',
        `others than the plugin's own user may get at ${open.map(({ path, mode }) => `${path} (mode ${octal(mode)})`).join(', ')}`,
        open.map(({ path, wanted }) => `chmod ${wanted} ${path}`).join('; '),
      );
    return well(
      'permissions',
      isHere
        ? 'socket, folder, configuration and key ring are for their owner alone'
        : 'configuration and key ring are for their owner alone; those of the socket are seen on the node itself, with -local',
    );
  });
}

function modeHere(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mode;
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

/** Whoever speaks is handed on, and closed by the caller. */
export async function pluginCheck(
  { isHere, socket }: Patient,
  signal: AbortSignal,
): Promise<{ readonly finding: Finding; readonly spoken?: Spoken }> {
  if (!isHere)
    return { finding: well('plugin', 'it is asked through kube-apiserver alone from here; on the node itself, -local asks it directly') };
  let spoken: Spoken | undefined;
  const finding = await checked('plugin', startIt, signal, async () => {
    if (socket === undefined) throw new Fault('unavailable', 'nobody knows where its socket is');
    const caller = await callPlugin(socket, signal);
    const { version, healthz, keyId } = await caller.status(signal).catch((thrown: unknown) => {
      caller.close();
      throw thrown;
    });
    spoken = { caller, keyId };
    if (version !== 'v2' && version !== 'v2beta1')
      return sick(
        'plugin',
        `it speaks version ${JSON.stringify(version)}, and kube-apiserver wants v2`,
        'install a plugin that speaks KMS v2',
      );
    if (healthz !== 'ok')
      return sick('plugin', `it says of itself: ${healthz}`, 'mend what it names: its key, or the way to whoever holds the key');
    return well('plugin', `it answers, is well, and seals with ${keyId}`);
  });
  return spoken === undefined ? { finding } : { finding, spoken };
}

export async function roundTripCheck({ caller, keyId }: Spoken, signal: AbortSignal): Promise<Finding> {
  const remedy = 'look at the log of the plugin, and at whoever holds its key';
  return checked('round-trip', remedy, signal, async () => {
    const plaintext = systemRandom(32);
    const begun = performance.now();
    const sealed = await caller.seal(plaintext, signal);
    const opened = await caller.open(sealed, signal);
    const took = Math.round(performance.now() - begun);
    if (!equalSecrets(opened, plaintext))
      return sick('round-trip', 'what the plugin sealed it opened as something else', 'take this plugin away: it destroys data');
    if (sealed.keyId !== keyId)
      return sick(
        'round-trip',
        `it seals with ${sealed.keyId} and tells kube-apiserver ${keyId}, so that kube-apiserver refuses what it seals`,
        'restart the plugin',
      );
    return well('round-trip', `32 bytes were sealed and opened again in ${took} ms`);
  });
}

/** The keys of its configuration, asked without the plugin: whether the fault is the plugin's or theirs. */
export async function keyCheck(
  { isHere, pluginConfig, socket, provider }: Patient,
  spoken: Spoken | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const remedy = 'mend the configuration of the plugin as "casemate kms check" says, and restart it';
  if (!isHere || pluginConfig === undefined)
    return well(
      'key',
      isHere
        ? 'how the plugin was started is not known here, so its key was asked through it alone'
        : 'it is asked on the node itself, with -local',
    );
  return checked('key', remedy, signal, async () => {
    const all = loadKmsConfig(pluginConfig);
    const wanted = endpointOf(provider.endpoint)?.socket;
    const providers = all.providers.filter((each) => each.socket === wanted || each.socket === socket);
    if (providers.length === 0)
      return sick('key', `${pluginConfig} has no provider that listens at ${wanted}`, 'give it that socket, and restart the plugin');
    const lines = (await checkKeys({ ...all, providers })).filter((line) => line.startsWith('provider '));
    if (spoken !== undefined && !lines.some((line) => line.includes(spoken.keyId)))
      return sick(
        'key',
        `the plugin seals with ${spoken.keyId}, and its configuration has another key: ${lines.join('; ')}`,
        'restart the plugin',
      );
    return well('key', lines.join('; '));
  });
}
