// What stands in Kubernetes' API: objects, their metadata, and the kinds that say where they are found.

/** As the API writes it: times are RFC 3339 texts, numbers that a double cannot hold stay what was sent (JSON.rawJSON). */
export interface Metadata {
  /** Absent only before the server has made one up from `generateName`. */
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque: equal or not, nothing else may be read from it. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFields[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly subresource?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsV1?: unknown;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Metadata;
}

/** An object of a kind that has no type here, such as a custom resource. */
export interface AnyObject extends KubeObject {
  readonly [field: string]: unknown;
}

/** Where objects of one kind are found: built in, or of a custom resource. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** A resource with the type of its objects. */
export interface Kind<T extends KubeObject = AnyObject> extends Resource {
  /** Never set: it carries the type. */
  readonly shape?: T;
}

export interface Ref {
  readonly name: string;
  /** Must stand for objects of a namespaced kind and is left out for others. */
  readonly namespace?: string | undefined;
}

/** `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `secrets`, `deployments.apps`: what kubectl, Roles and error messages call a kind. */
export function kindName({ group, plural }: Pick<Resource, 'group' | 'plural'>): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** `team-a/db`, or the name alone for what has no namespace. */
export function refText({ namespace, name }: { readonly namespace?: string | undefined; readonly name?: string | undefined }): string {
  return namespace === undefined ? (name ?? '') : `${namespace}/${name ?? ''}`;
}
