// The steps between: the probe of the first node, the rewrite of all objects, and the proof read from etcd.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { Report, Step } from '../../journal/plan.ts';
import { secrets } from '../../kube/kinds.ts';
import { kindName, type Resource } from '../../kube/object.ts';
import { keysOf } from '../config/lookup.ts';
import { readEncryptionConfig } from '../config/read-config.ts';
import type { Count } from '../verify/count.ts';
import { type Scan, scanResources } from '../verify/scan.ts';
import { sealedAs } from '../verify/sealed-as.ts';
import type { StoredForm } from '../verify/stored-form.ts';
import { phases } from './change.ts';
import { atAny, type ChangeContext, observe, placeOf, placesOf } from './change-context.ts';
import { configHash, notConverged } from './convergence.ts';
import { load } from './phase-steps.ts';
import { resourcesOf } from './resources.ts';
import { rewriteResources } from './rewrite.ts';
import type { RewriteCursor } from './rewrite-report.ts';

/** One Secret, sealed by the first node that seals with the new configuration, and read through every other one. */
export function probeStep(context: ChangeContext): Step {
  const [first, ...others] = context.nodes;
  const name = `casemate-probe-${context.change.id}`;
  const ref = { namespace: 'kube-system', name };
  let passed = false;
  return {
    name: 'write/probe',
    title: `every kube-apiserver reads what ${first.name} seals`,
    seconds: 60,
    async done(signal) {
      if (passed) return true;
      // One that was killed here leaves its Secret.
      return (
        (await reached(context, 'write', signal)) && (await atAny(context, (client) => client.get(secrets, ref), signal)) === undefined
      );
    },
    async run(_report, signal) {
      await first.apiserver.remove(secrets, ref, { signal });
      const stringData = { probe: context.change.id };
      const written = await first.apiserver.create(secrets, { metadata: ref, type: 'casemate.io/probe', stringData }, { signal });
      try {
        for (const node of others) {
          const seen = await node.apiserver.get(secrets, ref, { signal });
          if (seen?.metadata.uid !== written.metadata.uid)
            throw new Fault('conflict', `what ${first.name} has written ${node.name} does not see: do they have the same etcd?`);
        }
      } catch (thrown) {
        signal.throwIfAborted();
        const { message } = thrown as Error;
        throw new Fault('conflict', `what ${first.name} has sealed cannot be read everywhere, so no other node seals with it: ${message}`, {
          cause: thrown,
        });
      } finally {
        await first.apiserver.remove(secrets, ref, { signal: AbortSignal.timeout(10_000) }).catch(() => false);
      }
      passed = true;
    },
  };
}

/** Every object once, through all kube-apiservers. */
export function rewriteStep(context: ChangeContext): Step {
  const name = 'rewrite';
  let done = false;
  return {
    name,
    title: `everything of ${context.change.patterns.join(', ')} is written anew`,
    done: async (signal) => done || (await reached(context, 'final', signal, 'some')),
    async run(report, signal) {
      const resources = await concreteResources(context, signal);
      const [one, ...more] = context.nodes.map(({ apiserver }) => apiserver);
      const cursor = context.marks.of(name) as RewriteCursor | undefined;
      const { counts, refused } = await rewriteResources(
        {
          clients: [one as NonNullable<typeof one>, ...more],
          resources,
          cursor,
          onCursor: (at) => context.marks.keep(name, at, signal),
          onProgress: ({ resource, done: objects, total, refused: no }) =>
            report({ step: name, note: no === 0 ? resource : `${resource}, ${no} refused`, done: objects, total }),
          now: context.clock.monotonic,
        },
        signal,
      );
      if (counts.refused > 0) {
        // The proof decides: what was refused may have been sealed with the new key all the same.
        const some = refused.slice(0, 5).map(({ resource, object, reason }) => `${resource} ${object} (${reason})`);
        report({ step: name, note: `${counts.refused} objects cannot be written: ${some.join('; ')}` });
      }
      done = true;
    },
  };
}

/** etcd itself, at one revision: while one object needs an old key the change stays open, and every key stays where it is. */
export function proofStep(context: ChangeContext, name: 'verify' | 'verify-again'): Step {
  let proved = false;
  return {
    name,
    title: name === 'verify' ? 'etcd holds nothing that an old key is needed for' : 'etcd holds nothing that the old keys were needed for',
    seconds: 1,
    done: async (signal) => proved || (name === 'verify' && (await reached(context, 'final', signal))),
    async run(report, signal) {
      const scan = await scanFor(context, signal, (objects) => report({ step: name, note: 'reading etcd', done: objects }));
      const { count, objects } = scan.named;
      if (count > 0) {
        const some = objects
          .slice(0, 5)
          .map(
            ({ resource, namespace, name: object, form }) =>
              `${resource} ${namespace === undefined ? '' : `${namespace}/`}${object} (${formText(form)})`,
          );
        const which = `${some.join('; ')}${count > some.length ? '; …' : ''}`;
        const opened = await backToWrite(context, { step: name, report }, signal);
        throw new Fault(
          'conflict',
          !opened
            ? `${count} objects are not sealed as they should be, so no key is taken away: ${which}. "casemate etcd verify" names all of them; when they can be written, "casemate etcd resume" goes on`
            : `${count} objects were sealed in the old way after everything was written anew, by a kube-apiserver that came with an old configuration: ${which}. Every node can open them again, and "casemate etcd resume" writes them anew`,
          { fields: { frozen: true, again: opened } },
        );
      }
      report({ step: name, note: rowsText(scan) });
      proved = true;
    },
  };
}

/** `write` seals as `final` does, and opens what `final` has forgotten. Resolves to whether a node had come to `final`. */
async function backToWrite(
  context: ChangeContext,
  { step, report }: { readonly step: string; readonly report: Report },
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await reached(context, 'final', signal, 'some'))) return false;
  const text = context.change.configs.write;
  for (const node of context.nodes) {
    const place = await placeOf(context, node, signal);
    if (place.view.config === text) continue;
    report({ step, note: `kube-apiserver on ${node.name} opens what was sealed before once more` });
    await load(context, place, text, signal);
  }
  const { clock, reload } = context.waits;
  const all = new Set([configHash(text)]);
  for (const end = clock.monotonic() + reload; clock.monotonic() < end; await pause(500, undefined, { signal }))
    if (notConverged(await observe(context, signal), all).length === 0) break;
  return true;
}

/** Counts what the change is about, and names what is not sealed as its final configuration says. */
export async function scanFor(context: ChangeContext, signal: AbortSignal, progress: (objects: number) => void): Promise<Scan> {
  const resources = (await concreteResources(context, signal)).map(kindName);
  const expected = await expectation(context, signal);
  const { config } = readEncryptionConfig(context.change.configs.write, { path: 'the configuration' });
  const keyNames = keysOf(config).map(({ name }) => name);
  return scanResources(
    context.etcd,
    { root: context.root, resources, expected, keyNames },
    { signal, onProgress: ({ objects }) => progress(objects) },
  );
}

async function expectation(context: ChangeContext, signal: AbortSignal): Promise<(resource: string, form: StoredForm) => boolean> {
  const { config } = readEncryptionConfig(context.change.configs.final, { path: 'the final configuration' });
  const current = context.change.kind === 'key-encryption-key' ? await currentKmsKeys(context, signal) : undefined;
  const sealed = sealedAs(config);
  return (resource, form) => {
    const wanted = current?.get(form.key);
    return sealed(resource, form) && (wanted === undefined || form.keyId === undefined || `sha256:${sha256Hex(form.keyId)}` === wanted);
  };
}

/** By provider: the hash of the key id that all kube-apiservers agree on. Throws Fault `unavailable` where they do not. */
async function currentKmsKeys(context: Pick<ChangeContext, 'nodes'>, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const agreed = new Map<string, string>();
  for (const state of await observe(context, signal)) {
    if (!state.known) throw new Fault('unavailable', `${state.node} is unknown: ${state.reason}`);
    for (const [provider, { keyIdHash }] of Object.entries(state.kmsKeys)) {
      const other = agreed.get(provider);
      if (other !== undefined && other !== keyIdHash)
        throw new Fault(
          'unavailable',
          `not every KMS plugin of ${provider} names the same key yet: ${state.node} differs from another one`,
          { fields: { frozen: true } },
        );
      agreed.set(provider, keyIdHash);
    }
  }
  return agreed;
}

async function concreteResources(context: ChangeContext, signal: AbortSignal): Promise<readonly Resource[]> {
  return (await atAny(context, (client) => resourcesOf(client, context.change.patterns, signal), signal)).resources;
}

/** Whether the nodes have come to this phase: then what lies before it is done. */
async function reached(
  context: ChangeContext,
  phase: (typeof phases)[number],
  signal: AbortSignal,
  which: 'every' | 'some' = 'every',
): Promise<boolean> {
  if (context.change.kind === 'key-encryption-key') return false;
  const places = await placesOf(context, signal);
  return places[which]((place) => place.phase >= phases.indexOf(phase));
}

export function formText({ provider, key, keyId }: StoredForm): string {
  return [provider, key, keyId].filter((part) => part !== undefined && part !== '').join(' ');
}

function rowsText({ rows, revision }: Count & { readonly revision: bigint }): string {
  const parts = rows.map((row) => `${row.resource}: ${row.objects} under ${formText(row)}`);
  return `${parts.length === 0 ? 'there is nothing' : parts.join('; ')}, at revision ${revision}`;
}
