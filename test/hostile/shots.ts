// Random requests: paths, parameters and headers that the server knows, mixed with such as it cannot know.

import fc from 'fast-check';

export interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const segment = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      'a',
      'b',
      'config',
      'data',
      'metadata',
      'delete',
      'destroy',
      'undelete',
      'subkeys',
      'tune',
      'acl',
      'default',
      'root',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'lookup',
      'lookup-self',
      'renew',
      'renew-self',
      'create',
      'create-orphan',
      'roles',
      'accessors',
      'tidy',
      'revoke',
      'hash',
      'random',
      '3',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '',
      '.',
      '..',
      '%2e%2e',
      '%00',
      '%ff',
      '%',
      '+',
      '*',
      '__proto__',
      'constructor',
      '%F0%9F%92%A9',
      'x'.repeat(3_000),
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }).map((text) => encodeURIComponent(text.replace(/[\ud800-\udfff]/g, '?'))) },
);
/** Of the transit engine. */
const transitSegment = fc.constantFrom(
  'config',
  'rotate',
  'trim',
  'rewrap',
  'datakey',
  'plaintext',
  'hmac',
  'sign',
  'verify',
  'export',
  'encryption-key',
  'backup',
  'restore',
);
const mount = fc.constantFrom(
  'kv',
  'kv2',
  'cubbyhole',
  'identity',
  'auth/token',
  'sys/mounts',
  'sys/auth',
  'sys/policies',
  'sys/policy',
  'sys/leases',
  'sys/wrapping',
  'sys/tools',
  'sys/audit',
  'sys/audit-hash',
  'sys/config/auditing/request-headers',
  'sys/internal/ui/mounts',
  'sys/internal/ui/resultant-acl',
  'sys/internal/specs/openapi',
  'sys/capabilities',
  'sys/capabilities-self',
  'sys/remount',
  'sys/metrics',
  'sys/health',
  'sys/seal-status',
  'sys/unseal',
  'sys/init',
  'sys/leader',
  'sys/rotate',
  'transit',
  'transit/keys',
  'transit/encrypt',
  'transit/decrypt',
  'nowhere',
  '',
);
const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?list=true',
    '?help=1',
    '?version=1',
    '?version=x',
    '?scan=true',
    '?list=perhaps',
    '?format=prometheus',
    '?a=%zz',
    '?%ff=%00',
    '?activecode=250',
    '?limit=-1',
    '?type=irrevocable',
  ),
  fc.webQueryParameters().map((text) => `?${text.replace(/[^!-~]/g, '')}`),
);
const path = fc
  .tuple(mount, fc.array(fc.oneof({ weight: 6, arbitrary: segment }, { weight: 1, arbitrary: transitSegment }), { maxLength: 4 }), query)
  .map(([head, segments, tail]) => `/v1/${[head, ...segments].join('/')}${tail}`)
  // These end what the test needs to go on.
  .filter((text) => !/seal($|[/?])|revoke-self|step-down/i.test(decoded(text)));

const field = fc.constantFrom(
  'type',
  'policy',
  'policies',
  'ttl',
  'data',
  'options',
  'versions',
  'path',
  'paths',
  'token',
  'accessor',
  'lease_id',
  'increment',
  'id',
  'config',
  'bytes',
  'input',
  'plaintext',
  'ciphertext',
  'batch_input',
  'context',
  'key_version',
  'backup',
  'key',
  'from',
  'to',
  'a',
);
const value = fc.oneof(
  fc.constantFrom<unknown>(
    'kv',
    'a',
    '1h',
    '-1',
    'file',
    'path "a" { capabilities = ["read"] }',
    'eHg=',
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    [],
    {},
    [1, 'a'],
    { version: '2' },
    { cas: 0 },
  ),
  fc.jsonValue({ maxDepth: 3 }),
);
const body = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(field, value, { maxKeys: 5 }).map((object) => JSON.stringify(object)) },
  { weight: 2, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.string({ maxLength: 60, unit: 'binary' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{',
      '[',
      '"',
      '{"a":',
      '\ufeff{}',
      '{"__proto__":{"a":1}}',
      `${'['.repeat(2_000)}`,
      `{"data":{"v":"${'x'.repeat(50_000)}"}}`,
    ),
  },
);
const headers = fc.dictionary(
  fc.constantFrom(
    'content-type',
    'x-vault-wrap-ttl',
    'x-vault-wrap-format',
    'x-vault-namespace',
    'x-vault-request',
    'authorization',
    'accept',
    'x-forwarded-for',
    'cookie',
    'range',
  ),
  fc.oneof(
    fc.constantFrom(
      'application/json',
      'application/merge-patch+json',
      'application/x-www-form-urlencoded',
      'text/plain; charset=x',
      '60',
      '-1',
      '1y',
      'root',
      'ns/',
      'jwt',
      'Bearer x',
      'bytes=0-1',
    ),
    fc.string({ maxLength: 20 }).map((text) => text.replace(/[^ -~]/g, '')),
  ),
  { maxKeys: 3 },
);
const method = fc.constantFrom(
  'GET',
  'GET',
  'LIST',
  'POST',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'LINK',
  'TRACE',
  'PROPFIND',
);
const whose = fc.constantFrom('root', 'root', 'root', 'limited', 'unknown', 'none');

/** `tokens` by whose they are; a name that is not there sends none. */
export const shots = (tokens: () => Readonly<Record<string, string>>): fc.Arbitrary<Shot> =>
  fc.record({ method, path, headers, body, whose }).map(({ whose: owner, ...others }) => {
    const token = tokens()[owner];
    return { ...others, headers: token === undefined ? others.headers : { ...others.headers, 'x-vault-token': token } };
  });

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  drop: fc.integer({ min: 0, max: 3 }),
  add: fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom(
      ...['\r\n', '\r\n\r\n', '\0', ':', ' ', 'LIST ', 'chunked', '0\r\n\r\n', 'content-length: 3\r\n'].map((text) => Buffer.from(text)),
    ),
  ),
});
export const damaged = fc.record({
  verb: fc.constantFrom('GET', 'LIST', 'POST', 'DELETE'),
  edits: fc.array(edit, { minLength: 1, maxLength: 4 }),
  cut: fc.integer({ min: 1, max: 200 }),
});
