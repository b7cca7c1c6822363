// The checks of `casemate kms doctor` at kube-apiserver and etcd: what it says of the plugin, and what it makes of a Secret.

import { setTimeout as pause } from 'node:timers/promises';
import { randomUuid } from '../../base/random.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import { systemRandom } from '../../crypto/random.ts';
import { configHash, observeApiservers } from '../../etcd/manager/convergence.ts';
import type { ObjectKey } from '../../etcd/verify/resource-keys.ts';
import { prefixesOf } from '../../etcd/verify/resource-keys.ts';
import { scanResources } from '../../etcd/verify/scan.ts';
import { openPrefix, readEncryptedObject } from '../../etcd/verify/stored-form.ts';
import { secrets } from '../../kube/kinds.ts';
import { checked, type Finding, type Patient, type Spoken, sick, well } from './finding.ts';

const bringBack = 'bring kube-apiserver back: "crictl ps -a --name kube-apiserver" and the log of its container tell why it is down';

/** Its own check of its plugins. */
export function healthCheck({ node }: Patient, signal: AbortSignal): Promise<Finding> {
  return checked('kube-apiserver', bringBack, signal, async () => {
    const { status, text } = await node.apiserver.raw('/readyz/kms-providers?verbose', { signal, timeout: 15_000, patience: 0 });
    if (status === 200) return well('kube-apiserver', `/readyz/kms-providers of ${node.name} is ok`);
    if (status === 404)
      return sick(
        'kube-apiserver',
        `kube-apiserver on ${node.name} knows of no KMS: it started without one in its configuration`,
        'run "casemate kms install" again',
      );
    const words =
      text
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('[-]'))[0] ??
      text.trim().split('\n')[0] ??
      '';
    return sick(
      'kube-apiserver',
      `/readyz/kms-providers of ${node.name} fails (${status}): ${words.slice(0, 200)}`,
      'when the checks of the plugin before this one are well, wait half a minute: kube-apiserver pauses between two tries; its log names the reason',
    );
  });
}

/** Its metrics: which bytes it runs with, and which key the plugin named to it last. */
export function loadedCheck({ node, config, provider }: Patient, spoken: Spoken | undefined, signal: AbortSignal): Promise<Finding> {
  return checked('loaded', bringBack, signal, async () => {
    const states = await observeApiservers([{ node: node.name, client: node.apiserver }], signal);
    const state = states.find((each) => each.node === node.name);
    if (state?.known !== true) return sick('loaded', state?.reason ?? 'kube-apiserver tells nothing of itself', bringBack);
    if (state.hash !== configHash(config))
      return sick(
        'loaded',
        `kube-apiserver on ${node.name} runs with another configuration than its file holds${state.refused === 0 ? '' : `, and has refused ${state.refused} reloads since its start`}`,
        'wait a minute for its reload; if it refuses the file, its log says why: put back what stood there, or mend the plugin that it names',
      );
    const seen = state.kmsKeys[provider.name]?.keyIdHash;
    if (spoken !== undefined && seen !== undefined && seen !== `sha256:${sha256Hex(spoken.keyId)}`)
      return sick(
        'loaded',
        `kube-apiserver on ${node.name} was told another key by the plugin than the plugin names now`,
        'it looks once a minute: after a rotation run this again then; otherwise another plugin has answered it, or the key was replaced',
      );
    return well(
      'loaded',
      `kube-apiserver on ${node.name} runs with the configuration of its file${seen === undefined ? '' : ', and knows the key of the plugin'}`,
    );
  });
}

export function etcdCheck({ cluster }: Patient, signal: AbortSignal): Promise<Finding> {
  const remedy = 'name etcd and its certificates with -etcd-endpoints, -etcd-cacert, -etcd-cert and -etcd-key, or bring it back';
  return checked('etcd', remedy, signal, async () => {
    const alarms = await cluster.etcd.alarms(signal);
    if (alarms.length > 0)
      return sick(
        'etcd',
        `etcd has raised ${alarms.map(({ alarm }) => alarm).join(', ')}`,
        'mend that before anything is written: NOSPACE wants a compaction and a defragmentation',
      );
    return well('etcd', `etcd answers at ${cluster.etcd.endpoints.join(', ')}`);
  });
}

/** One object of each key in etcd: a node with another key writes and reads its own, and nothing that the others wrote. */
export function storedCheck(patient: Patient, spoken: Spoken | undefined, signal: AbortSignal): Promise<Finding> {
  const { cluster, node, provider, seals } = patient;
  const remedy =
    'give this node the key ring of the others, or the ring from the backup, and restart the plugin: without the key these objects are lost';
  return checked('stored', remedy, signal, async () => {
    const seen = new Set<string>();
    const isOwn = (form: { readonly provider: string; readonly key: string }) =>
      form.provider.startsWith('kms-') && form.key === provider.name;
    const resources = [...new Set([...seals.filter((pattern) => !pattern.includes('*')), 'secrets'])];
    const { named, rows } = await scanResources(
      cluster.etcd,
      {
        ...{ root: cluster.root, resources, keyNames: [provider.name] },
        // The first of each key is named, all others are as expected.
        expected(_resource, form) {
          const id = `${form.provider} ${form.keyId ?? ''}`;
          if (!isOwn(form) || seen.has(id)) return true;
          seen.add(id);
          return false;
        },
      },
      { signal },
    );
    const count = rows.filter(isOwn).reduce((sum, { objects }) => sum + objects, 0);
    if (count === 0) return well('stored', `nothing of ${resources.join(', ')} is sealed by ${provider.name} yet`);
    const lost: string[] = [];
    for (const object of named.objects)
      if (!(await opens(patient, spoken, object, signal))) lost.push(`${textOf(object)} (${object.form.keyId ?? 'KMS v1'})`);
    if (lost.length > 0) return sick('stored', `what is stored cannot be opened on ${node.name}: ${lost.join('; ')}`, remedy);
    return well(
      'stored',
      `${count} objects are sealed by ${provider.name}, with ${named.count} ${named.count === 1 ? 'key' : 'keys'}; one of each was opened`,
    );
  });
}

async function opens({ cluster, node }: Patient, spoken: Spoken | undefined, object: ObjectKey, signal: AbortSignal): Promise<boolean> {
  const value = await storedValue(cluster, object, signal);
  // Removed meanwhile.
  if (value === undefined) return true;
  const { form, sealed } = openPrefix(value);
  const stored = form.provider === 'kms-v2' ? readEncryptedObject(sealed) : undefined;
  if (spoken !== undefined && stored !== undefined) {
    const { keyId, annotations, encryptedSource } = stored;
    return spoken.caller.open({ keyId, annotations, ciphertext: encryptedSource }, signal).then(
      () => true,
      () => false,
    );
  }
  if (object.resource !== 'secrets') return true;
  const { status } = await node.apiserver.raw(`/api/v1/namespaces/${object.namespace}/secrets/${object.name}`, { signal });
  return status < 500;
}

async function storedValue(
  { etcd, root }: Patient['cluster'],
  { resource, namespace, name }: ObjectKey,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  for (const prefix of prefixesOf(resource, root)) {
    const from = Buffer.from(`${prefix}${namespace === undefined ? '' : `${namespace}/`}${name}`);
    const { entries } = await etcd.range({ from, to: Buffer.concat([from, Buffer.alloc(1)]), limit: 1 }, signal);
    if (entries[0] !== undefined) return entries[0].value;
  }
  return undefined;
}

function textOf({ resource, namespace, name }: ObjectKey): string {
  return `${resource} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** One Secret, written by this kube-apiserver, looked up in etcd, read again, and removed. */
export function secretCheck({ cluster, node, provider, seals }: Patient, namespace: string, signal: AbortSignal): Promise<Finding> {
  const remedy = 'kube-apiserver could not seal or open it: mend what the checks before this one name';
  return checked('secret', remedy, signal, async () => {
    const ref = { namespace, name: `casemate-doctor-${Buffer.from(systemRandom(6)).toString('hex')}` };
    const canary = randomUuid(systemRandom);
    await node.apiserver.create(secrets, { metadata: ref, type: 'casemate.io/probe', stringData: { canary } }, { signal, timeout: 15_000 });
    try {
      const value = await storedValue(cluster, { resource: 'secrets', ...ref }, signal);
      if (value === undefined)
        return sick(
          'secret',
          'the Secret that was written is not in etcd',
          'name the etcd of this cluster: kube-apiserver writes into another one',
        );
      const { form } = openPrefix(value, [provider.name]);
      const inClear = value.includes(canary) || value.includes(Buffer.from(canary).toString('base64'));
      if (inClear || form.key !== provider.name)
        return sick(
          'secret',
          `a new Secret lies in etcd ${inClear ? 'in clear' : `sealed by ${form.provider} with ${form.key}`}, and not sealed by ${provider.name}`,
          seals.length === 0 ? sealRemedy(provider) : `${provider.name} seals ${seals.join(', ')} alone: give Secrets to it as well`,
        );
      const back = await node.apiserver.get(secrets, ref, { signal });
      if (Buffer.from(back?.data?.['canary'] ?? '', 'base64').toString() !== canary)
        return sick('secret', 'the Secret that was written does not come back as it was', remedy);
      return well(
        'secret',
        `a Secret was written, lies in etcd as ciphertext of ${form.provider} ${form.key}, and is read through the API in clear`,
      );
    } finally {
      await removed(node.apiserver, ref);
    }
  });
}

/** Also when this was interrupted. */
async function removed(client: Patient['node']['apiserver'], ref: { readonly namespace: string; readonly name: string }): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const done = await client.remove(secrets, ref, { signal: AbortSignal.timeout(5_000) }).then(
      () => true,
      () => false,
    );
    if (done) return;
    await pause(500);
  }
}

export function sealRemedy({ apiVersion, name, endpoint }: Patient['provider']): string {
  return `with one kube-apiserver run "casemate kms install" again; with several, when the plugin is on every node: casemate etcd enable -provider=kms-${apiVersion} -kms-name=${name} -kms-endpoint=${endpoint}`;
}
