// Where a KV path lies: the mount that it belongs to, the mount's version, and the paths of the API for it.

import type { Client } from '../../../client/client.ts';
import { ResponseFault } from '../../../client/response-fault.ts';
import { isObject, type Secret } from '../../../client/secret.ts';
import { apiPath, type CommandContext } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { text } from '../../flags.ts';

export const mountFlag = {
  mount: text('Path of the mount. PATH is then what comes below it; without this flag PATH begins with the mount.'),
} as const;

export type Kind = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy';

export interface KvPlace {
  readonly version: 1 | 2;
  /** Version 2 has a path for each kind; in version 1 the path is the secret itself. */
  path(kind: Kind): string;
}

/** Asks the server which mount a path belongs to. Throws ResponseFault for a token that may not know. */
export async function findPlace(context: CommandContext, argument: string, mount: string | undefined): Promise<KvPlace> {
  const given = apiPath(mount ?? '');
  const path = joined(given, apiPath(argument));
  const found = await mountOf(context, given === '' ? path : given);
  return {
    version: found.version,
    path: (kind) => (found.version === 1 ? path : versionedPath(found.mount, path, kind)),
  };
}

/** As findPlace, for commands that version 1 has nothing for. */
export async function findVersioned(
  context: CommandContext,
  argument: string,
  mount: string | undefined,
  refusal: { readonly sentence: string; readonly exit: 1 | 2 },
): Promise<KvPlace> {
  const place = await findPlace(context, argument, mount);
  if (place.version !== 2) throw new Ending(refusal.sentence, refusal.exit);
  return place;
}

/** Path of the metadata of a secret. */
export async function metadataPath(context: CommandContext, argument: string, mount: string | undefined): Promise<string> {
  const refusal = { sentence: 'Metadata not supported on KV Version 1', exit: 1 } as const;
  return (await findVersioned(context, argument, mount, refusal)).path('metadata');
}

/** A client for calls on the way to the one that was asked for: never wrapped, and not what -output-curl-string prints. */
export function onTheWay(context: CommandContext): Client {
  return context.client().with({ wrapTtl: undefined, before: undefined });
}

/** What stands at a path now, for a command that changes it. Throws Ending. */
export async function readBefore(context: CommandContext, path: string, version?: number): Promise<Secret> {
  const query = version === undefined ? {} : { version: String(version) };
  const secret = await context.calling(`Error doing pre-read at ${path}`, onTheWay(context).read(path, query));
  if (secret === undefined || secret.data === null) throw new Ending(`No value found at ${path}`, 2);
  return secret;
}

/** A member of an answer's data that the command cannot do without. Throws Ending. */
export function memberOf(secret: Secret, name: 'data' | 'metadata', path: string): Readonly<Record<string, unknown>> {
  const member = secret.data?.[name];
  if (!isObject(member)) throw new Ending(`No ${name} found at ${path}; only what exists can be changed`, 2);
  return member;
}

interface Mount {
  readonly mount: string;
  readonly version: 1 | 2;
}

async function mountOf(context: CommandContext, path: string): Promise<Mount> {
  const secret = await asked(context, path);
  const mount = secret?.data?.['path'];
  const options = secret?.data?.['options'];
  return {
    mount: typeof mount === 'string' ? apiPath(mount) : '',
    version: isObject(options) && options['version'] === '2' ? 2 : 1,
  };
}

/** Undefined from a server that does not know the question, and so no version 2 either. */
async function asked(context: CommandContext, path: string): Promise<Secret | undefined> {
  try {
    return await onTheWay(context).read(`sys/internal/ui/mounts/${path}`);
  } catch (thrown) {
    if (!context.common['output-curl-string'] || !(thrown instanceof ResponseFault) || thrown.status !== 403) throw thrown;
    throw new Ending(
      `To print the request, the server must be asked first which version of KV ${path} belongs to, and this token may not ask: it needs a policy that covers the path (in version 2 written as MOUNT/data/PATH).\n\n${thrown.message}`,
      2,
      { cause: thrown },
    );
  }
}

/** The server may name the mount with namespaces in front that the path does not have: they are left out. */
function versionedPath(mount: string, path: string, kind: Kind): string {
  for (let tail = mount; tail !== ''; tail = behindSlash(tail)) {
    if (path === tail) return joined(tail, kind);
    if (path.startsWith(`${tail}/`)) return joined(tail, kind, path.slice(tail.length + 1));
  }
  return joined(mount, kind, path);
}

function behindSlash(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? '' : path.slice(slash + 1);
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}
