// Where a resource's objects lie in etcd, and which object a key is: the way of kube-apiserver, which no API tells.

/** Resource and object of one key. */
export interface ObjectKey {
  /** `secrets`, `deployments.apps`, `widgets.example.com`: as an EncryptionConfiguration names it. */
  readonly resource: string;
  /** undefined for objects of the cluster. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/**
 * Kinds that kube-apiserver keeps without their group in the path (k8s.io/kubernetes, test/integration/etcd/data.go, 1.16 to 1.37).
 * What is not here lies below its group, as custom resources do.
 */
const builtIn: Readonly<Record<string, string>> = {
  '':
    'bindings componentstatuses configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims persistentvolumes pods ' +
    'podtemplates replicationcontrollers resourcequotas secrets serviceaccounts services',
  'admissionregistration.k8s.io':
    'mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations validatingadmissionpolicies ' +
    'validatingadmissionpolicybindings validatingwebhookconfigurations',
  apps: 'controllerrevisions daemonsets deployments replicasets statefulsets',
  autoscaling: 'horizontalpodautoscalers',
  batch: 'cronjobs jobs',
  'certificates.k8s.io': 'certificatesigningrequests clustertrustbundles podcertificaterequests',
  'coordination.k8s.io': 'leasecandidates leases',
  'discovery.k8s.io': 'endpointslices',
  'flowcontrol.apiserver.k8s.io': 'flowschemas prioritylevelconfigurations',
  'internal.apiserver.k8s.io': 'storageversions',
  'lifecycle.k8s.io': 'evictionrequests evictions',
  'networking.k8s.io': 'clustercidrs ingressclasses ingresses ipaddresses networkpolicies servicecidrs',
  'node.k8s.io': 'runtimeclasses',
  policy: 'poddisruptionbudgets podsecuritypolicies',
  'rbac.authorization.k8s.io': 'clusterrolebindings clusterroles rolebindings roles',
  'resource.k8s.io':
    'deviceclasses devicetaintrules podschedulingcontexts resourceclaims resourceclaimtemplates resourceclasses ' +
    'resourcepoolstatusrequests resourceslices',
  'scheduling.k8s.io': 'compositepodgroups podgroups priorityclasses workloads',
  'storage.k8s.io': 'csidrivers csinodes csistoragecapacities storageclasses volumeattachments volumeattributesclasses',
  'storagemigration.k8s.io': 'storageversionmigrations',
};

/** Two groups, one store: an EncryptionConfiguration that names the first counts for both. */
const cohabiting: Readonly<Record<string, string>> = {
  'events.events.k8s.io': 'events',
  'ingresses.extensions': 'ingresses.networking.k8s.io',
  'deployments.extensions': 'deployments.apps',
  'daemonsets.extensions': 'daemonsets.apps',
  'replicasets.extensions': 'replicasets.apps',
  'networkpolicies.extensions': 'networkpolicies.networking.k8s.io',
  'podsecuritypolicies.extensions': 'podsecuritypolicies.policy',
  'replicationcontrollers.extensions': 'replicationcontrollers',
};

/** `SpecialDefaultResourcePrefixes` (k8s.io/kubernetes, pkg/kubeapiserver/default_storage_factory_builder.go). */
const special: Readonly<Record<string, string>> = {
  replicationcontrollers: 'controllers',
  endpoints: 'services/endpoints',
  nodes: 'minions',
  services: 'services/specs',
  'ingresses.networking.k8s.io': 'ingress',
};

const pathOfResource = new Map<string, string>();
const resourceOfPath = new Map<string, string>();
for (const [group, plurals] of Object.entries(builtIn))
  for (const plural of plurals.split(' ')) {
    const resource = group === '' ? plural : `${plural}.${group}`;
    const path = special[resource] ?? plural;
    pathOfResource.set(resource, path);
    resourceOfPath.set(path, resource);
  }

/** The name under which its objects are counted: `events.events.k8s.io` are `events`. Lower case. */
export function storedResource(resource: string): string {
  const lower = resource.toLowerCase();
  return cohabiting[lower] ?? lower;
}

/**
 * Beginnings of the keys of all objects of `resource` below `root` (`/registry`), each with its last slash. No wildcards: what
 * `*.apps` means, discovery tells. One prefix for each place where an apiserver may have put them.
 */
export function prefixesOf(resource: string, root: string): readonly string[] {
  const stored = storedResource(resource);
  const base = slashed(root);
  const path = pathOfResource.get(stored);
  if (path !== undefined) return [`${base}${path}/`];
  const dot = stored.indexOf('.');
  // A kind of the core group that is younger than this file lies at its plural.
  return dot < 0 ? [`${base}${stored}/`] : [`${base}${stored.slice(dot + 1)}/${stored.slice(0, dot)}/`];
}

/**
 * Which object a key is, told from the key alone. What belongs to no resource (`/registry/ranges/serviceips`, `masterleases`) is
 * undefined, and so is what does not lie below `root`.
 */
export function objectOfKey(key: string, root: string): ObjectKey | undefined {
  const base = slashed(root);
  if (!key.startsWith(base)) return undefined;
  const words = key.slice(base.length).split('/');
  const [first = '', second = ''] = words;
  const known = resourceOfPath.get(first);
  if (known !== undefined) return objectOf(known, words.slice(1));
  const pair = resourceOfPath.get(`${first}/${second}`);
  if (pair !== undefined) return objectOf(pair, words.slice(2));
  // Groups of custom resources, and those of CustomResourceDefinitions and APIServices, all have a dot; no plural has one.
  return first.includes('.') && second !== '' ? objectOf(`${second}.${first}`, words.slice(2)) : undefined;
}

/** The object whose key goes on like this behind its resource's prefix: `namespace/name` or `name`. */
export function objectBelow(resource: string, rest: string): ObjectKey | undefined {
  return objectOf(resource, rest.split('/'));
}

function objectOf(resource: string, words: readonly string[]): ObjectKey | undefined {
  const [first, second] = words;
  if (first === undefined || first === '' || words.length > 2) return undefined;
  if (second === undefined) return { resource, name: first };
  return second === '' ? undefined : { resource, namespace: first, name: second };
}

/** kube-apiserver puts a slash before and behind its `--etcd-prefix` where there is none. */
export function slashed(root: string): string {
  const inner = root.replace(/^\/+|\/+$/g, '');
  return inner === '' ? '/' : `/${inner}/`;
}
