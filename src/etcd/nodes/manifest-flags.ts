// The flags of a kube-apiserver, read from the words with which it is started: from its manifest, or from its process.

export interface EtcdFlags {
  /** `https://127.0.0.1:2379`. */
  readonly servers: readonly string[];
  /** Paths as the kube-apiserver sees them. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** With a slash in front, without one behind: `/registry`. */
  readonly prefix: string;
  /** Resources (`events`, `widgets.example.com`) that lie in another etcd. */
  readonly overrides: readonly { readonly resource: string; readonly servers: readonly string[] }[];
}

export interface EncryptionFlags {
  /** As the kube-apiserver sees it; undefined when nothing is encrypted. */
  readonly configPath?: string | undefined;
  /** The file is looked at once a minute; otherwise at the start alone. */
  readonly automaticReload: boolean;
}

export interface ApiserverFlags {
  /** Name without dashes. The last one wins; a bare flag is `true`. */
  flag(name: string): string | undefined;
  /** All that were given, in order, for flags that may come again. */
  values(name: string): readonly string[];
  readonly etcd: EtcdFlags;
  readonly encryption: EncryptionFlags;
  readonly featureGates: ReadonlyMap<string, boolean>;
  /** 6443 by default. */
  readonly securePort: number;
}

/** Where a flag stands among the words: `--name=value` in one, or `--name value` in two. */
export interface FlagPlace {
  readonly index: number;
  readonly name: string;
  readonly value: string;
  /** 1 or 2. */
  readonly words: number;
}

/**
 * The first word may be the program. A flag without `=` takes the next word unless that is a flag itself: kube-apiserver refuses
 * words that belong to no flag, so a bare flag is never followed by one. Underscores count as dashes (component-base/cli/flag).
 */
export function flagPlaces(words: readonly string[]): readonly FlagPlace[] {
  const places: FlagPlace[] = [];
  for (let index = 0; index < words.length; index += places.at(-1)?.index === index ? (places.at(-1)?.words ?? 1) : 1) {
    const match = /^--([A-Za-z][^=]*)(?:=(.*))?$/s.exec(words[index] ?? '');
    if (match === null) continue;
    const name = flagName(match[1] ?? '');
    const next = words[index + 1];
    if (match[2] !== undefined) places.push({ index, name, value: match[2], words: 1 });
    else if (next !== undefined && !next.startsWith('-')) places.push({ index, name, value: next, words: 2 });
    else places.push({ index, name, value: 'true', words: 1 });
  }
  return places;
}

export const flagName = (name: string): string => name.replaceAll('_', '-');

export function readFlags(words: readonly string[]): ApiserverFlags {
  const places = flagPlaces(words);
  const values = (name: string): readonly string[] => places.filter((place) => place.name === flagName(name)).map(({ value }) => value);
  const flag = (name: string): string | undefined => values(name).at(-1);
  const list = (name: string): readonly string[] => values(name).flatMap((value) => value.split(',').filter((each) => each !== ''));
  return {
    flag,
    values,
    etcd: {
      servers: list('etcd-servers'),
      caFile: given(flag('etcd-cafile')),
      certFile: given(flag('etcd-certfile')),
      keyFile: given(flag('etcd-keyfile')),
      prefix: etcdPrefix(flag('etcd-prefix')),
      overrides: list('etcd-servers-overrides').flatMap(overrideOf),
    },
    encryption: {
      configPath: given(flag('encryption-provider-config')),
      automaticReload: isTrue(flag('encryption-provider-config-automatic-reload')),
    },
    featureGates: new Map(list('feature-gates').flatMap(gateOf)),
    securePort: Number(flag('secure-port') ?? '6443'),
  };
}

/** `KMSv1=true` of `--feature-gates`. */
export function gateOf(text: string): readonly (readonly [string, boolean])[] {
  const [name = '', value] = text.split('=');
  return value === undefined ? [] : [[name.trim(), isTrue(value.trim())]];
}

/** As Go's strconv.ParseBool takes it. */
const isTrue = (value: string | undefined): boolean => value !== undefined && /^(1|t|T|true|TRUE|True)$/.test(value);

const given = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** etcd3 storage joins it with path.Join("/", prefix): slashes do not matter. */
const etcdPrefix = (value: string | undefined): string => `/${(value ?? '/registry').replace(/^\/+|\/+$/g, '').replace(/\/+/g, '/')}`;

/** `/events#https://10.0.0.1:2379;https://10.0.0.2:2379`, or `group/resource#…` (apiserver/pkg/server/options/etcd.go). */
function overrideOf(text: string): EtcdFlags['overrides'] {
  const [place = '', servers = ''] = text.split('#');
  const [group = '', resource = ''] = place.includes('/') ? place.split('/') : ['', place];
  if (resource === '' || servers === '') return [];
  return [{ resource: group === '' ? resource : `${resource}.${group}`, servers: servers.split(';') }];
}
