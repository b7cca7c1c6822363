// Asks the API server beforehand whether it would let this client list, patch and update: ten thousand refusals would say no more.

import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import { type Kind, type KubeObject, kindName, type Resource } from '../../kube/object.ts';

interface SelfSubjectAccessReview extends KubeObject {
  readonly spec: { readonly resourceAttributes: { readonly verb: string; readonly group: string; readonly resource: string } };
  readonly status?: { readonly allowed?: boolean };
}

const reviews: Kind<SelfSubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
};

/**
 * Resolves to the resources that may be updated as well, which is the quicker way. Throws Fault `permission-denied` that names what a
 * ClusterRole has to allow: list and patch are enough.
 */
export async function refuseWithoutRights(
  client: KubeClient,
  resources: readonly Resource[],
  signal: AbortSignal,
): Promise<ReadonlySet<Resource>> {
  const missing: string[] = [];
  const updatable = new Set<Resource>();
  for (const resource of resources) {
    for (const verb of ['list', 'patch', 'update']) {
      const spec = { resourceAttributes: { verb, group: resource.group, resource: resource.plural } };
      const { status } = await client.create(reviews, { metadata: {}, spec }, { signal });
      if (status?.allowed === true && verb === 'update') updatable.add(resource);
      if (status?.allowed !== true && verb !== 'update') missing.push(`${verb} on ${kindName(resource)}`);
    }
  }
  if (missing.length > 0)
    throw new Fault(
      'permission-denied',
      `the rewrite cannot begin: ${client.connection.origin} needs a ClusterRole that allows ${missing.join(', ')}`,
    );
  return updatable;
}
