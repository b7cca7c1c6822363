// casemate token create: a new token below the one in use.

import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { bool, duration, integer, pairs, text, texts } from '../../flags.ts';
import { secretArgument } from '../../secret-argument.ts';
import { posted } from './posted.ts';

const flags = {
  id: text('Value of the token, instead of a random one; - reads it from stdin. Needs "sudo".'),
  'display-name': text('Name for audit lines and lookups.'),
  ttl: duration('How long it lives, if it is not renewed.'),
  'explicit-max-ttl': duration('How long it lives at most, however often it is renewed.'),
  period: duration('Each renewal grants this time again, without an end. Needs "sudo".'),
  renewable: bool('Whether it can be renewed.', { default: true }),
  orphan: bool('Let it outlive the token in use. Needs "sudo".'),
  'no-default-policy': bool('Leave out the policy "default".'),
  'use-limit': integer('How often it can be used; 0 is without limit.', { default: 0 }),
  type: text('service, or batch: batch tokens are not stored, and can be neither renewed nor revoked.', { default: 'service' }),
  metadata: pairs('Fact for audit lines and lookups, as key=value. Can be given several times.'),
  policy: texts('Policy of the token; those of the token in use when left out. Can be given several times.'),
  role: text('Token role to make it from.'),
  'entity-alias': text('Alias of the entity to tie it to, one that the role of -role allows.'),
} as const;

export const create = command({
  synopsis: 'Make a token',
  usage: '[options]',
  help: 'Makes a token. It is a child of the token in use: it has the same policies, or some of them, and ends when the token in use is revoked.',
  examples: {
    'Make a token for half an hour': 'token create -policy=app -ttl=30m',
    'Make one that an application renews, and print it alone': 'token create -field=token -policy=app -period=24h',
    'Make one that only its receiver sees': 'token create -wrap-ttl=60s -policy=app',
  },
  flags,
  output: { field: true },
  async run(context) {
    context.expect(0);
    const role = context.flags.role ?? '';
    const path = role === '' ? 'auth/token/create' : `auth/token/create/${role}`;
    const made = await context.calling('Error creating token', posted(context.client(), path, await bodyOf(context)));
    if (made === undefined) throw new Ending('Error creating token: the answer is empty', 2);
    return context.showSecret(made);
  },
});

/** Only what was given, beside what Vault's clients always send. */
async function bodyOf(context: CommandContext<typeof flags>): Promise<Record<string, unknown>> {
  const given = context.flags;
  const id = await secretArgument(context, given.id);
  const some = {
    id: id ?? '',
    ttl: seconds(given.ttl),
    explicit_max_ttl: seconds(given['explicit-max-ttl']),
    period: seconds(given.period),
    no_parent: given.orphan,
    no_default_policy: given['no-default-policy'],
    entity_alias: given['entity-alias'] ?? '',
  };
  return {
    ...Object.fromEntries(Object.entries(some).filter(([, value]) => value !== '' && value !== false)),
    ...(given.policy.length === 0 ? {} : { policies: given.policy }),
    ...(Object.keys(given.metadata).length === 0 ? {} : { meta: given.metadata }),
    display_name: given['display-name'] ?? '',
    num_uses: given['use-limit'],
    renewable: given.type === 'batch' ? false : given.renewable,
    type: given.type,
  };
}

function seconds(value: number | undefined): string {
  return value === undefined ? '' : `${value}s`;
}
