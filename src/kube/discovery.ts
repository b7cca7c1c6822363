// Asks the API server which kinds it serves, custom resources among them.

import { Fault } from '../base/fault.ts';
import type { CallOptions, Exchange } from './exchange.ts';
import type { AnyObject, Kind } from './object.ts';

export interface ServedKind extends Kind {
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
}

export interface Discovery {
  /** What one version of a group serves; undefined where the server does not know it. */
  served(group: string, version: string, options?: CallOptions): Promise<readonly ServedKind[] | undefined>;
  /** Versions of a group, the preferred one first; empty where the server does not know it. */
  versions(group: string, options?: CallOptions): Promise<readonly string[]>;
  /** `apiVersion` and `kind` of a manifest. Undefined where the server does not serve it (yet). */
  kindOf(object: Pick<AnyObject, 'apiVersion' | 'kind'>, options?: CallOptions): Promise<ServedKind | undefined>;
  /** `secrets`, `deployments.apps`, `certificates.cert-manager.io`: plural, kind in any case, or short name, with its group. */
  named(name: string, options?: CallOptions): Promise<ServedKind | undefined>;
  /** Every kind that can be listed, each in its group's preferred version. */
  listable(options?: CallOptions): Promise<readonly ServedKind[]>;
}

interface RawResource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

interface RawGroup {
  readonly name: string;
  readonly versions?: readonly { readonly version: string }[];
  readonly preferredVersion?: { readonly version: string };
}

/** Asks anew each time: a kind may come with a custom resource definition, and nobody tells when. */
export function createDiscovery(exchange: Exchange): Discovery {
  const read = async (path: string, options: CallOptions): Promise<unknown> => {
    const call = { method: 'GET', path, verb: 'discover', what: path, repeatable: true };
    const answer = await exchange.read(call, options);
    if (answer.status === 404) return undefined;
    if (answer.status >= 400) throw exchange.refusal(call, answer);
    return JSON.parse(answer.text);
  };
  const served = async (group: string, version: string, options: CallOptions = {}): Promise<readonly ServedKind[] | undefined> => {
    const path = group === '' ? `/api/${encodeURIComponent(version)}` : `/apis/${encodeURIComponent(group)}/${encodeURIComponent(version)}`;
    const list = (await read(path, options)) as { readonly resources?: readonly RawResource[] } | undefined;
    return list?.resources?.filter(({ name }) => !name.includes('/')).map((resource) => servedKind(group, version, resource));
  };
  const groups = async (options: CallOptions): Promise<readonly RawGroup[]> => {
    const list = (await read('/apis', options)) as { readonly groups?: readonly RawGroup[] } | undefined;
    return list?.groups ?? [];
  };
  const versions = async (group: string, options: CallOptions = {}): Promise<readonly string[]> => {
    if (group === '') return ((await read('/api', options)) as { readonly versions?: readonly string[] } | undefined)?.versions ?? [];
    const found = (await read(`/apis/${encodeURIComponent(group)}`, options)) as RawGroup | undefined;
    return found === undefined ? [] : preferredFirst(found);
  };
  return {
    served,
    versions,
    async kindOf({ apiVersion, kind }, options) {
      if (apiVersion === undefined || kind === undefined)
        throw new Fault('usage', 'an object needs apiVersion and kind to be found in the API');
      const [version, group] = apiVersion.split('/').reverse() as [string, string | undefined];
      return (await served(group ?? '', version, options))?.find((each) => each.kind === kind);
    },
    async named(name, options) {
      const [word = '', ...rest] = name.split('.');
      const group = rest.join('.');
      for (const version of await versions(group, options)) {
        const found = (await served(group, version, options))?.find((each) => answersTo(each, word.toLowerCase()));
        if (found !== undefined) return found;
      }
      return undefined;
    },
    async listable(options = {}) {
      const all = [...((await served('', 'v1', options)) ?? [])];
      for (const group of await groups(options)) {
        const [preferred] = preferredFirst(group);
        if (preferred !== undefined) all.push(...((await served(group.name, preferred, options)) ?? []));
      }
      return all.filter(({ verbs }) => verbs.includes('list'));
    },
  };
}

function servedKind(group: string, version: string, resource: RawResource): ServedKind {
  const { name, kind, namespaced, verbs = [], shortNames = [], categories = [] } = resource;
  return { group, version, kind, plural: name, namespaced, verbs, shortNames, categories };
}

function preferredFirst({ versions = [], preferredVersion }: RawGroup): readonly string[] {
  const all = versions.map(({ version }) => version);
  return preferredVersion === undefined
    ? all
    : [preferredVersion.version, ...all.filter((version) => version !== preferredVersion.version)];
}

function answersTo({ plural, kind, shortNames }: ServedKind, word: string): boolean {
  return plural === word || kind.toLowerCase() === word || shortNames.includes(word);
}
