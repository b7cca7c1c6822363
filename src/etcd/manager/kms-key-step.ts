// The step before the rewrite of a rotated key-encryption key: what every kube-apiserver says of its KMS plugin's key is fresh, and the same.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { Step } from '../../journal/plan.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import { type ChangeContext, type KmsKeyFound, observe } from './change-context.ts';
import type { ApiserverState, RunningApiserver } from './convergence.ts';
import { scanFor } from './seal-steps.ts';

/** Answers of its plugin since the step began, by node and provider. */
type Heard = Map<string, { readonly at: number; readonly times: number }>;

/**
 * By itself a kube-apiserver asks its plugin once a minute: what it knew before would pass for the new key, and everything would stay
 * under the old one. Twice, since a plugin looks at its holder now and then itself, and may not have known the first time.
 */
const enough = 2;

export function kmsKeyStep(context: ChangeContext): Step {
  const name = 'key-id/converged';
  let agreed = false;
  return {
    name,
    title: 'every KMS plugin names the same key to its kube-apiserver',
    seconds: 40,
    done: async () => agreed,
    async run(report, signal) {
      const providers = sealingPlugins(context);
      const { clock, reload } = context.waits;
      const heard: Heard = new Map();
      for (const end = clock.monotonic() + reload; ; await pause(1_000, undefined, { signal })) {
        await askPlugins(context, signal);
        const states = await observe(context, signal);
        const missing = missingIn(states, providers, heard);
        agreed = missing.length === 0;
        if (agreed) return compareWithStored(context, providers, states, signal);
        report({ step: name, note: `waiting: ${missing[0]}` });
        if (clock.monotonic() > end)
          throw new Fault(
            'unavailable',
            `the change is frozen before anything is written, and nothing is lost: ${missing.join('; ')}. When that is mended, "casemate etcd resume" goes on`,
            { fields: { frozen: true } },
          );
      }
    },
  };
}

/** Of a change that was left when it had begun to write, nobody knows any more what lay there before. */
const beforeWriting = /^(snapshot|store\/.*|key-id\/converged)$/;

async function compareWithStored(
  context: ChangeContext,
  providers: readonly string[],
  states: readonly ApiserverState[],
  signal: AbortSignal,
): Promise<void> {
  if (context.takenUpAt !== undefined && !beforeWriting.test(context.takenUpAt)) return;
  const { rows } = await scanFor(context, signal, () => undefined);
  const [first] = states.filter((state): state is RunningApiserver => state.known);
  const found = providers.flatMap((provider): readonly KmsKeyFound[] => {
    const stored = new Set(rows.flatMap(({ key, keyId }) => (key === provider && keyId !== undefined ? [keyId] : [])));
    const [keyId, ...others] = stored;
    if (keyId === undefined) return [];
    const same = others.length === 0 && `sha256:${sha256Hex(keyId)}` === first?.kmsKeys[provider]?.keyIdHash;
    return [same ? { provider, sameAsBefore: true, keyId } : { provider, sameAsBefore: false }];
  });
  context.onKmsKeys(found);
}

/** Names of the KMS v2 providers that seal. */
function sealingPlugins({ change }: ChangeContext): readonly string[] {
  const { config } = readEncryptionConfig(change.configs.final, { path: 'the configuration' });
  const names = config.resources.flatMap(({ providers: [first] }) =>
    first?.type === 'kms' && first.apiVersion === 'v2' ? [first.name] : [],
  );
  if (names.length === 0)
    throw new Fault(
      'usage',
      'what the KMS plugins seal with is told by KMS v2 alone: move to it with -provider=kms-v2, or to another provider',
    );
  return [...new Set(names)];
}

/** The health check asks the plugin anew, at most every 20 seconds (k8s.io/apiserver, kmsPluginHealthzPositiveTTL). */
async function askPlugins({ nodes }: ChangeContext, signal: AbortSignal): Promise<void> {
  const options = { signal, timeout: 5_000, patience: 0 };
  await Promise.all(nodes.map(({ apiserver }) => apiserver.raw('/readyz/kms-providers', options).catch(() => undefined)));
  signal.throwIfAborted();
}

/** A sentence for each that does not let the change go on. */
function missingIn(states: readonly ApiserverState[], providers: readonly string[], heard: Heard): readonly string[] {
  const unknown = states.flatMap((state) => (state.known ? [] : [`${state.node} is unknown: ${state.reason}`]));
  const known = states.filter((state): state is RunningApiserver => state.known);
  const old = known.flatMap((state) =>
    providers.flatMap((provider) => {
      const place = `${state.node}/${provider}`;
      const [seen, before] = [state.kmsKeys[provider], heard.get(place)];
      if (seen === undefined) return [`kube-apiserver on ${state.node} has no key of the KMS plugin of ${provider}`];
      const times = before === undefined ? 0 : before.times + (seen.at > before.at ? 1 : 0);
      heard.set(place, { at: seen.at, times });
      return times < enough ? [`kube-apiserver on ${state.node} has yet to hear from the KMS plugin of ${provider}`] : [];
    }),
  );
  const different = providers.filter((provider) => new Set(known.map(({ kmsKeys }) => kmsKeys[provider]?.keyIdHash)).size > 1);
  return [...unknown, ...old, ...different.map((provider) => `not every KMS plugin of ${provider} names the same key yet`)];
}
