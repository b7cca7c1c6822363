// Makes Services of a node work: kube-proxy behind their addresses, CoreDNS behind their names.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Fault } from '../../../src/base/fault.ts';
import type { Caller } from '../fixture/caller.ts';
import { writeKubeconfig } from '../fixture/kubeconfig.ts';
import type { Component } from '../fixture/runner.ts';
import { until, type WaitOptions } from '../fixture/waiting.ts';
import { dnsAddress, type NodePart, nodeName } from './kubelet.ts';
import { type Namespaces, nodeAddress } from './namespaces.ts';
import { packedEnvironment } from './programs.ts';

export async function startProxy(namespaces: Namespaces, { programs, pki, apiserverUrl }: NodePart): Promise<Component> {
  const { folder } = namespaces;
  const { certificate, key } = await pki.authority.issue({ name: 'kube-proxy', subject: '/CN=system:kube-proxy' });
  const kubeconfig = await writeKubeconfig(join(folder, 'kube-proxy.kubeconfig'), {
    url: apiserverUrl,
    authority: pki.authority.certificate,
    user: { certificate, key },
  });
  const configuration = join(folder, 'kube-proxy.yaml');
  await writeFile(
    configuration,
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      clientConnection: { kubeconfig },
      hostnameOverride: nodeName,
      clusterCIDR: '10.77.0.0/24',
      metricsBindAddress: '127.0.0.1:10249',
      healthzBindAddress: '127.0.0.1:10256',
      oomScoreAdj: 0,
      // These settings are the whole machine's.
      conntrack: { maxPerCore: 0, min: 0 },
      nftables: { minSyncPeriod: '100ms' },
    }),
  );
  return namespaces.spawn('kube-proxy', join(programs.kube, 'kube-proxy'), [`--config=${configuration}`], {
    env: packedEnvironment(programs),
  });
}

/** CoreDNS runs as a process of the node; its Service leads there as it would to a pod. */
export async function startDns(namespaces: Namespaces, { programs, pki, apiserverUrl }: NodePart): Promise<Component> {
  const { folder } = namespaces;
  const kubeconfig = await writeKubeconfig(join(folder, 'coredns.kubeconfig'), {
    url: apiserverUrl,
    authority: pki.authority.certificate,
    user: pki.admin,
  });
  const corefile = join(folder, 'Corefile');
  await writeFile(corefile, corefileText(kubeconfig));
  return namespaces.spawn('coredns', join(programs.dns, 'coredns'), ['-conf', corefile]);
}

function corefileText(kubeconfig: string): string {
  return `cluster.local in-addr.arpa ip6.arpa {
    bind ${nodeAddress}
    errors
    ready ${nodeAddress}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfig} casemate
        pods insecure
        ttl 5
    }
}
# There is no way out of this network: other names do not exist, and asking for one takes no time.
. {
    bind ${nodeAddress}
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`;
}

/** The Service has no selector: its one endpoint is the node itself. */
export async function exposeDns({ call }: Pick<Caller, 'call'>, wait: WaitOptions): Promise<void> {
  const ports = (['UDP', 'TCP'] as const).map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol }));
  const create = async (path: string, body: object): Promise<void> => {
    await until(
      `${path} in kube-system`,
      async () => {
        const { status, text } = await call('POST', path, { body });
        // The namespace and the range of addresses come a moment after the apiserver is ready.
        if (status !== 201 && status !== 409) throw new Fault('unavailable', `${status}: ${text}`);
        return true;
      },
      wait,
    );
  };
  await create('/api/v1/namespaces/kube-system/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' } },
    spec: { clusterIP: dnsAddress, ports },
  });
  await create('/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kube-dns-node1', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [nodeAddress], nodeName, conditions: { ready: true } }],
    ports,
  });
}
