// The URL path of a kind, an object or a subresource, and its parameters.

import { Fault } from '../base/fault.ts';
import { kindName, type Ref, type Resource } from './object.ts';

/** Undefined values are left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * `/api/v1/namespaces/a/secrets`; without a namespace, objects of a namespaced kind are those of all namespaces.
 * Throws Fault `usage` for a name that would leave its place in the path.
 */
export function collectionPath(kind: Resource, namespace?: string): string {
  const root = kind.group === '' ? `/api/${segment(kind.version)}` : `/apis/${segment(kind.group)}/${segment(kind.version)}`;
  if (namespace === undefined) return `${root}/${segment(kind.plural)}`;
  if (!kind.namespaced) throw new Fault('usage', `${kindName(kind)} have no namespace: leave ${JSON.stringify(namespace)} out`);
  return `${root}/namespaces/${segment(namespace)}/${segment(kind.plural)}`;
}

/** Throws Fault `usage` when the namespace is missing: a default would be taken by mistake. */
export function objectPath(kind: Resource, { name, namespace }: Ref, subresource?: string): string {
  const path = `${collectionPath(kind, placeOf(kind, namespace, name))}/${segment(name)}`;
  return subresource === undefined ? path : `${path}/${subresource.split('/').map(segment).join('/')}`;
}

/** The namespace to write to. Throws Fault `usage` as `objectPath` does. */
export function placeOf(kind: Resource, namespace: string | undefined, name: string): string | undefined {
  if (kind.namespaced && namespace === undefined)
    throw new Fault('usage', `name the namespace of ${kindName(kind)} ${JSON.stringify(name)}`);
  return namespace;
}

export function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}

/** The API server refuses names with a slash or a percent sign too (ValidatePathSegmentName), but only after it has routed by them. */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name))
    throw new Fault('usage', `${JSON.stringify(name)} is no name in Kubernetes`);
  return encodeURIComponent(name);
}
