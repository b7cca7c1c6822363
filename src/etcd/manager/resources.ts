// Which kinds the names of an encryption configuration mean on this cluster: each once, in a version that can be listed and patched.

import type { KubeClient } from '../../kube/client.ts';
import type { ServedKind } from '../../kube/discovery.ts';
import { type AnyObject, type Kind, kindName, type Resource } from '../../kube/object.ts';

export interface FoundResources {
  /** In the order of the names that were asked for. */
  readonly resources: readonly Resource[];
  /** A sentence for each that was asked for by name, or is sealed by a wildcard, and cannot be rewritten. */
  readonly notes: readonly string[];
}

/** Registered API groups; those of another server are not stored in this one's etcd. */
const apiServices: Kind = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
};

/**
 * `secrets`, `widgets.example.com`, `*.apps`, `*.` (the core group), `*.*`. What the server does not serve has no objects and gets a note:
 * a configuration may name a custom resource before it is defined.
 */
export async function resourcesOf(client: KubeClient, wanted: readonly string[], signal?: AbortSignal): Promise<FoundResources> {
  const options = { signal };
  const found = new Map<string, Resource>();
  const notes: string[] = [];
  const foreign = await foreignVersions(client, signal);
  const served = servedOnce(client, foreign, signal);
  const take = (kind: ServedKind, byName: boolean) => {
    const name = kindName(kind);
    if (found.has(name)) return;
    if (isWritable(kind))
      found.set(name, { group: kind.group, version: kind.version, kind: kind.kind, plural: kind.plural, namespaced: kind.namespaced });
    else if (byName) notes.push(`${name} cannot be listed and patched, so nothing of it is rewritten`);
  };
  for (const name of wanted) {
    const { plural, group } = partsOf(name);
    // The wildcard of events.k8s.io names nothing: its objects are those of the core group.
    const groups = group === '*' ? ['', ...(await groupsOf(client, signal))] : [group];
    let any = false;
    for (const each of groups) {
      for (const kind of await served(each)) {
        if (plural !== '*' && kind.plural !== plural) continue;
        any = true;
        take(kind, plural !== '*');
      }
    }
    if (any || plural === '*') continue;
    const elsewhere = (await client.discovery.versions(group, options)).some((version) => foreign.has(`${group}/${version}`));
    notes.push(
      elsewhere
        ? `${name} is served by another API server, with a store of its own: nothing of it is rewritten here`
        : `${name} is not served by this API server, so there is nothing to rewrite`,
    );
  }
  return { resources: [...found.values()], notes };
}

function partsOf(name: string): { readonly plural: string; readonly group: string } {
  const dot = name.indexOf('.');
  return dot < 0 ? { plural: name, group: '' } : { plural: name.slice(0, dot), group: name.slice(dot + 1) };
}

function isWritable({ verbs }: ServedKind): boolean {
  return verbs.includes('list') && verbs.includes('patch');
}

/** Names of groups, the core group left out. */
async function groupsOf(client: KubeClient, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const call = { method: 'GET', path: '/apis', verb: 'discover', what: '/apis', repeatable: true };
  const { text } = await client.exchange.answer(call, { signal });
  const { groups = [] } = JSON.parse(text) as { readonly groups?: readonly { readonly name: string }[] };
  return groups.map(({ name }) => name).filter((name) => name !== aliasOfCore);
}

/** kube-apiserver stores its events as those of the core group, and its encryption configuration knows them by that name alone. */
const aliasOfCore = 'events.k8s.io';

/** The kinds of a group, each in the first version that has it: a kind may be missing from the preferred one. */
function servedOnce({ discovery }: KubeClient, foreign: ReadonlySet<string>, signal: AbortSignal | undefined) {
  const kept = new Map<string, readonly ServedKind[]>();
  return async (group: string): Promise<readonly ServedKind[]> => {
    const known = kept.get(group);
    if (known !== undefined) return known;
    const kinds = new Map<string, ServedKind>();
    for (const version of await discovery.versions(group, { signal })) {
      if (foreign.has(`${group}/${version}`)) continue;
      for (const kind of (await discovery.served(group, version, { signal })) ?? []) {
        const earlier = kinds.get(kind.plural);
        if (earlier === undefined || (!isWritable(earlier) && isWritable(kind))) kinds.set(kind.plural, kind);
      }
    }
    const all = [...kinds.values()];
    kept.set(group, all);
    return all;
  };
}

interface ApiService extends AnyObject {
  readonly spec?: { readonly group?: string; readonly version?: string; readonly service?: unknown };
}

/** `group/version` of what other servers serve. Asked of a server that is down, they would hold up the rest. */
async function foreignVersions(client: KubeClient, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
  const { items } = await client.list(apiServices as Kind<ApiService>, {}, { signal });
  return new Set(
    items.filter(({ spec }) => spec?.service !== undefined && spec.service !== null).map(({ spec }) => `${spec?.group}/${spec?.version}`),
  );
}
