// casemate kv patch: a new version that differs in the keys that are given.

import { ResponseFault } from '../../../client/response-fault.ts';
import { isObject, type Secret } from '../../../client/secret.ts';
import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { integer, text, texts } from '../../flags.ts';
import { showWritten } from '../write.ts';
import { findVersioned, memberOf, mountFlag, readBefore } from './place.ts';
import { showVersion } from './titled.ts';

type Data = Readonly<Record<string, unknown>>;

interface Change {
  readonly path: string;
  /** Null removes a key. */
  readonly data: Data;
  readonly cas: number | undefined;
}

export const patch = command({
  synopsis: 'Change parts of a secret',
  usage: '[options] PATH [DATA K=V...]',
  help: 'Writes a new version of a secret that differs from the newest one in the keys that are given. Data is given as with "kv put". A key that is null in a JSON file is removed, as is one that -remove-data names.\n\nThe server changes the secret at once if the token has the capability "patch"; otherwise the secret is read, changed here and written back, unless somebody else wrote it meanwhile.',
  examples: {
    'Change one value': 'kv patch -mount=secret app password=-',
    'Take a key out': 'kv patch -mount=secret -remove-data=old app',
  },
  flags: {
    ...mountFlag,
    cas: integer('Change only if this is the number of the newest version.'),
    method: text('How: "patch" on the server, "rw" by reading and writing; whichever the token may do when left out.'),
    'remove-data': texts('Key to take out. Can be given several times.'),
  },
  output: { field: true },
  async run(context) {
    const [argument, ...words] = context.expect(1, Number.POSITIVE_INFINITY);
    const { mount, cas = 0, method = '', 'remove-data': removed } = context.flags;
    if (words.length === 0 && removed.length === 0) throw new Ending('Must supply data');
    const change = methods.get(method);
    if (change === undefined) throw new Ending(`Unsupported method provided to -method flag: ${method}`, 2);
    const data = { ...(await context.keyValues(words)), ...Object.fromEntries(removed.map((key) => [key, null])) };
    const refusal = { sentence: 'K/V engine mount must be version 2 for patch support', exit: 2 } as const;
    const path = (await findVersioned(context, argument, mount, refusal)).path('data');
    return showWritten(
      context,
      path,
      () => change(context, { path, data, cas: cas > 0 ? cas : undefined }),
      (secret) => showVersion(context, path, secret),
    );
  },
});

type Method = (context: CommandContext, change: Change) => Promise<Secret | undefined>;

const onServer: Method = (context, { path, data, cas }) =>
  context.client().patch(path, { data, options: cas === undefined ? {} : { cas } });

/** Written back only over the version that was read, so that nobody's change is lost. */
const readAndWrite: Method = async (context, { path, data, cas }) => {
  const before = await readBefore(context, path);
  const { version } = memberOf(before, 'metadata', path);
  const merged = mergedWith(memberOf(before, 'data', path), data);
  return context.client().write(path, { data: merged, options: { cas: cas ?? version } });
};

/** Older servers know no PATCH (405), and older policies do not grant it (403). */
const either: Method = async (context, change) => {
  try {
    return await onServer(context, change);
  } catch (thrown) {
    if (!(thrown instanceof ResponseFault) || (thrown.status !== 403 && thrown.status !== 405)) throw thrown;
    const secret = await readAndWrite(context, change);
    if (thrown.status === 403)
      context.warn(
        `${change.path} was read and written back. With the capability "patch" in a policy of the token, the server changes it at once.`,
      );
    return secret;
  }
};

const methods: ReadonlyMap<string, Method> = new Map([
  ['', either],
  ['patch', onServer],
  ['rw', readAndWrite],
]);

/** RFC 7396, as the server does it. */
function mergedWith(before: unknown, change: Data): Data {
  const members = new Map(isObject(before) ? Object.entries(before) : []);
  for (const [key, value] of Object.entries(change)) {
    if (value === null) members.delete(key);
    else members.set(key, isObject(value) ? mergedWith(members.get(key), value) : value);
  }
  return Object.fromEntries(members);
}
