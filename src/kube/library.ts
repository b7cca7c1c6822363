// The one place that loads @kubernetes/client-node, and only when it is needed: credential plugins, SOCKS proxies, pod sockets.

import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Fault } from '../base/fault.ts';
import type { Connection, Credentials, TlsMaterial } from './connection.ts';
import type { Cluster, CredentialPlugin, User } from './kubeconfig.ts';

/** Half a second and 85 MB of memory: most commands get by without it. */
const load = () => import('@kubernetes/client-node');

export interface MadeCredentials {
  readonly token?: string;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
}

type LibraryUser = Parameters<KubeConfig['loadFromClusterAndUser']>[1];

/**
 * Credentials from a plugin or an identity provider, kept by the library until they expire.
 * Throws Fault `permission-denied` that names the plugin, never what it printed.
 */
export async function credentialMaker(cluster: Cluster, user: User, userName: string): Promise<() => Promise<MadeCredentials>> {
  const { KubeConfig } = await load();
  const config = new KubeConfig();
  const known: LibraryUser = {
    name: userName,
    ...(user.plugin === undefined ? {} : { exec: pluginFor(user.plugin, cluster) }),
    ...(user.provider === undefined ? {} : { authProvider: user.provider }),
  };
  config.loadFromClusterAndUser({ name: 'cluster', server: cluster.server, skipTLSVerify: cluster.server.startsWith('http:') }, known);
  const what = user.plugin === undefined ? `auth provider ${user.provider?.name}` : `credential plugin ${user.plugin.command}`;
  return async () => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (thrown) {
      // What the library says quotes the plugin's output, and that may be a token.
      const { code } = thrown as NodeJS.ErrnoException;
      const reason = code === 'ENOENT' ? 'it is not there' : 'run it by hand to see why, or log in again';
      throw new Fault('permission-denied', `the ${what} of user ${JSON.stringify(userName)} gave no credentials: ${reason}`);
    }
    const { Authorization } = (options.headers ?? {}) as { readonly Authorization?: string };
    return {
      ...(Authorization === undefined ? {} : { token: Authorization.replace(/^Bearer /, '') }),
      ...(options.cert === undefined ? {} : { certificate: String(options.cert) }),
      ...(options.key === undefined ? {} : { key: String(options.key) }),
    };
  };
}

/** The library does not tell a plugin about its cluster, and some refuse to work without being told. */
function pluginFor({ apiVersion, command, args, env, provideClusterInfo }: CredentialPlugin, cluster: Cluster) {
  const info = {
    server: cluster.server,
    ...(cluster.serverName === undefined ? {} : { 'tls-server-name': cluster.serverName }),
    ...(cluster.skipVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(cluster.authority === undefined ? {} : { 'certificate-authority-data': Buffer.from(cluster.authority).toString('base64') }),
    ...(cluster.proxyUrl === undefined ? {} : { 'proxy-url': cluster.proxyUrl }),
  };
  const spec = { interactive: false, ...(provideClusterInfo ? { cluster: info } : {}) };
  const told = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec });
  return { apiVersion, command, args: [...args], env: [...env, { name: 'KUBERNETES_EXEC_INFO', value: told }] };
}

/** The library's view of a connection as it is now. */
export async function libraryConfig({ server, proxyUrl }: Pick<Connection, 'server' | 'proxyUrl'>, { tls, headers }: Credentials) {
  const { KubeConfig } = await load();
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: 'cluster',
      server,
      // Over http the library wants to hear that nothing is verified.
      skipTLSVerify: !tls.verify || server.startsWith('http:'),
      ...(tls.authorities === undefined ? {} : { caData: base64(tls.authorities) }),
      ...(tls.serverName === undefined ? {} : { tlsServerName: tls.serverName }),
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
    },
    {
      name: 'user',
      ...(tls.certificate === undefined ? {} : { certData: base64(tls.certificate) }),
      ...(tls.key === undefined ? {} : { keyData: base64(tls.key) }),
    },
  );
  config.addAuthenticator({
    isAuthProvider: () => true,
    applyAuthentication: async (_user, options) => {
      options.headers = { ...options.headers, ...(headers as Record<string, string>) };
    },
  });
  return config;
}

/** Node's agents speak to HTTP proxies only. */
export async function socksAgent(server: string, proxyUrl: string, tls: TlsMaterial): Promise<Agent> {
  const config = await libraryConfig({ server, proxyUrl }, { tls, headers: {} });
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return options.agent as Agent;
}

/** The library's handler of the sockets that exec and port-forward speak over. */
export async function podSockets(connection: Connection, credentials: Credentials) {
  const [{ Exec, PortForward }, config] = await Promise.all([load(), libraryConfig(connection, credentials)]);
  return { exec: new Exec(config), portForward: new PortForward(config) };
}
