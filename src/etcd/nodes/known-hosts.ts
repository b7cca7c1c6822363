// Which hosts are known by which keys: known_hosts files as OpenSSH writes them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

import { readFile } from 'node:fs/promises';
import { Fault } from '../../base/fault.ts';
import { equalSecrets } from '../../crypto/equal.ts';
import { sha256 } from '../../crypto/hash.ts';
import { hostNameHash } from '../../crypto/host-name-hash.ts';

export interface KnownHost {
  readonly marker: 'revoked' | 'cert-authority' | undefined;
  readonly matches: (name: string) => boolean;
  /** `ssh-ed25519`. */
  readonly type: string;
  /** The key as SSH sends it. */
  readonly key: Buffer;
  /** `~/.ssh/known_hosts:7`. */
  readonly origin: string;
}

/** Where OpenSSH looks when nobody names a file. */
export function usualKnownHosts(home: string): readonly string[] {
  return [`${home}/.ssh/known_hosts`, `${home}/.ssh/known_hosts2`, '/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];
}

/** Lines that cannot be understood are passed over, as OpenSSH does: they make nobody known. */
export function parseKnownHosts(text: string, path: string): KnownHost[] {
  return text.split('\n').flatMap((line, index) => {
    const words = line.trim().split(/\s+/);
    const [first = ''] = words;
    if (first === '' || first.startsWith('#')) return [];
    const marked = first.startsWith('@');
    const [hosts, type, key] = marked ? words.slice(1) : words;
    const marker = first === '@revoked' ? 'revoked' : first === '@cert-authority' ? 'cert-authority' : undefined;
    if (hosts === undefined || type === undefined || key === undefined || (marked && marker === undefined)) return [];
    return [{ marker, matches: hostMatcher(hosts), type, key: Buffer.from(key, 'base64'), origin: `${path}:${index + 1}` }];
  });
}

function hostMatcher(hosts: string): (name: string) => boolean {
  if (hosts.startsWith('|')) {
    const [, version, salt = '', digest = ''] = hosts.split('|');
    // Another version hides names in a way that is not known here.
    if (version !== '1') return () => false;
    return (name) => equalSecrets(hostNameHash(Buffer.from(salt, 'base64'), name), Buffer.from(digest, 'base64'));
  }
  const patterns = hosts.split(',').map((pattern) => {
    const refuses = pattern.startsWith('!');
    return { refuses, expression: globOf(refuses ? pattern.slice(1) : pattern) };
  });
  return (name) => {
    const found = patterns.filter(({ expression }) => expression.test(name));
    return found.length > 0 && found.every(({ refuses }) => !refuses);
  };
}

function globOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'i');
}

/** A file that is not there knows nobody. Throws Fault `usage` for one that cannot be read. */
export async function readKnownHosts(paths: readonly string[]): Promise<readonly KnownHost[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      try {
        return parseKnownHosts(await readFile(path, 'utf8'), path);
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw new Fault('usage', `the file of known hosts ${path} cannot be read`, { cause: thrown });
      }
    }),
  );
  return files.flat();
}

/** The name under which a host stands in these files. */
export function knownName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${sha256(key).toString('base64').replace(/=+$/, '')}`;
}

/** The first string of a key, as SSH sends it, is its type (RFC 4253, section 6.6). */
export function keyType(key: Buffer): string {
  return key.length < 4 ? '' : key.toString('latin1', 4, 4 + key.readUInt32BE(0));
}

/** The types of key by which the host is known: a server that has one of these must show it, whatever else it has. */
export function knownTypes(known: readonly KnownHost[], host: string, port: number): ReadonlySet<string> {
  return new Set(plainOf(known, host, port).map(({ type }) => type));
}

/** Those of its port, or else those that name no port: they speak for all of its ports, as OpenSSH has it. */
function plainOf(known: readonly KnownHost[], host: string, port: number): readonly KnownHost[] {
  const named = (name: string) => known.filter(({ marker, matches }) => marker === undefined && matches(name));
  const own = named(knownName(host, port));
  return own.length > 0 ? own : named(host.toLowerCase());
}

export interface SeenHost {
  readonly host: string;
  readonly port: number;
  /** What the server has proved to hold the private half of. */
  readonly key: Buffer;
  /** Files that were read. */
  readonly paths: readonly string[];
}

/**
 * The reason for which the host must not be spoken to; undefined when it is known by this very key. There is no way to switch it off:
 * what is written to a node are keys.
 */
export function hostRefusal(known: readonly KnownHost[], { host, port, key, paths }: SeenHost): Fault | undefined {
  const name = knownName(host, port);
  const seen = `${keyType(key)} ${fingerprint(key)}`;
  const same = (one: KnownHost) => equalSecrets(one.key, key);
  const revoked = known.find((one) => one.marker === 'revoked' && one.matches(name) && same(one));
  if (revoked !== undefined)
    return new Fault('permission-denied', `${name} shows the host key ${seen}, which ${revoked.origin} has revoked: do not trust it`);
  const plain = plainOf(known, host, port);
  if (plain.some(same)) return undefined;
  const scan = `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${host} >> ${paths[0] ?? 'known_hosts'}`;
  const [first] = plain;
  // Known without its port and by another key, it is another server of that host and not a changed one.
  if (first !== undefined && plain.some((one) => one.matches(name)))
    return new Fault(
      'permission-denied',
      `THE HOST KEY OF ${name} HAS CHANGED: it shows ${seen}, and ${plain.map((one) => `${one.origin} knows ${one.type} ${fingerprint(one.key)}`).join(', ')}. ` +
        'Somebody may stand in between. Nothing was sent. Only if the node was set up anew and its own ssh-keygen -l tells the same ' +
        `fingerprint, take the old line out and add the new one: ${scan}`,
    );
  if (known.some((one) => one.marker === 'cert-authority' && one.matches(name)))
    return new Fault(
      'permission-denied',
      `${name} is known only by an authority for host certificates, which Casemate cannot check; compare ${seen} with the node's own and add its key: ${scan}`,
    );
  return new Fault(
    'permission-denied',
    `${name} is not known: it shows ${seen}, which is in none of ${paths.join(', ') || 'no files'}. Compare it with what ssh-keygen -lf ` +
      `/etc/ssh/ssh_host_ed25519_key.pub tells on the node, and if it is the same add it: ${scan}`,
  );
}
