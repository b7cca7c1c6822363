// The kinds that Casemate works with. Those that have a type here are read or written field by field; others are found by discovery.

import type { Kind, KubeObject } from './object.ts';

const named = (group: string, version: string, kind: string, plural: string, namespaced: boolean) => ({
  group,
  version,
  kind,
  plural,
  namespaced,
});
const core = (kind: string, plural: string, namespaced = true) => named('', 'v1', kind, plural, namespaced);

export interface Secret extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  /** In clear, and only ever written. */
  readonly stringData?: Readonly<Record<string, string>>;
}
export const secrets: Kind<Secret> = core('Secret', 'secrets');

export interface ConfigMap extends KubeObject {
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}
export const configMaps: Kind<ConfigMap> = core('ConfigMap', 'configmaps');

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    /** RFC 3339 with microseconds. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
}
export const leases: Kind<Lease> = named('coordination.k8s.io', 'v1', 'Lease', 'leases', true);

/** Asks the API server whether a token is one, and whose. */
export interface TokenReview extends KubeObject {
  readonly spec: { readonly token: string; readonly audiences?: readonly string[] };
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly error?: string;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}
export const tokenReviews: Kind<TokenReview> = named('authentication.k8s.io', 'v1', 'TokenReview', 'tokenreviews', false);

/** Made at the subresource `token` of a service account. */
export interface TokenRequest extends KubeObject {
  readonly spec: {
    readonly audiences: readonly string[];
    readonly expirationSeconds?: number;
    readonly boundObjectRef?: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid?: string };
  };
  readonly status?: { readonly token: string; readonly expirationTimestamp: string };
}

export const namespaces: Kind = core('Namespace', 'namespaces', false);
export const nodes: Kind = core('Node', 'nodes', false);
export const pods: Kind = core('Pod', 'pods');
export const services: Kind = core('Service', 'services');
export const serviceAccounts: Kind = core('ServiceAccount', 'serviceaccounts');
export const events: Kind = named('events.k8s.io', 'v1', 'Event', 'events', true);
export const persistentVolumeClaims: Kind = core('PersistentVolumeClaim', 'persistentvolumeclaims');
export const persistentVolumes: Kind = core('PersistentVolume', 'persistentvolumes', false);
export const deployments: Kind = named('apps', 'v1', 'Deployment', 'deployments', true);
export const statefulSets: Kind = named('apps', 'v1', 'StatefulSet', 'statefulsets', true);
export const daemonSets: Kind = named('apps', 'v1', 'DaemonSet', 'daemonsets', true);
export const storageClasses: Kind = named('storage.k8s.io', 'v1', 'StorageClass', 'storageclasses', false);
export const roles: Kind = named('rbac.authorization.k8s.io', 'v1', 'Role', 'roles', true);
export const roleBindings: Kind = named('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings', true);
export const clusterRoles: Kind = named('rbac.authorization.k8s.io', 'v1', 'ClusterRole', 'clusterroles', false);
export const clusterRoleBindings: Kind = named('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', 'clusterrolebindings', false);
export const customResourceDefinitions: Kind = named(
  'apiextensions.k8s.io',
  'v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);
export const mutatingWebhooks: Kind = named(
  'admissionregistration.k8s.io',
  'v1',
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  false,
);
export const subjectAccessReviews: Kind = named('authorization.k8s.io', 'v1', 'SubjectAccessReview', 'subjectaccessreviews', false);
