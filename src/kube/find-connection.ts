// Finds the API server as kubectl does: a named file, then KUBECONFIG, then ~/.kube/config, then the pod's service account.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Fault } from '../base/fault.ts';
import type { Connection } from './connection.ts';
import { contextConnection } from './context-connection.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { inPod, podConnection } from './pod-connection.ts';

export interface FindOptions {
  /** Path of a kubeconfig; counts before all else. */
  readonly kubeconfig?: string | undefined;
  /** Name of a context; the file's current one by default. */
  readonly context?: string | undefined;
  /** KUBECONFIG, HOME, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the service account's files stand; the kubelet's folder by default. */
  readonly serviceAccount?: string | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Throws Fault `usage` with what to set when there is no server to be found. */
export async function findConnection({ kubeconfig, context, env, serviceAccount, now }: FindOptions): Promise<Connection> {
  const files = kubeconfig === undefined ? namedFiles(env) : [kubeconfig];
  if (files.length > 0) return contextConnection(readKubeconfig(files, context), { now });
  if (inPod({ env, folder: serviceAccount })) {
    if (context !== undefined) throw new Fault('usage', `there is no kubeconfig that could have a context ${JSON.stringify(context)}`);
    return podConnection({ env, folder: serviceAccount, now });
  }
  throw new Fault(
    'usage',
    'no Kubernetes cluster is configured: name a kubeconfig, set KUBECONFIG, or run in a pod with a service account',
  );
}

function namedFiles(env: FindOptions['env']): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  if (listed.length > 0) return listed;
  const home = env['HOME'] ?? '';
  const usual = home === '' ? undefined : join(home, '.kube', 'config');
  return usual !== undefined && existsSync(usual) ? [usual] : [];
}
