// Explanations: what they name decides, and repairing it changes the verdict.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AclRequest, compileAcl } from './acl.ts';
import { withoutExpired } from './expiration.ts';
import { type Denial, describeDenial, sayDenial } from './explain.ts';
import { type Policy, parsePolicy } from './policy.ts';

const ask = (changes: Partial<AclRequest> = {}): AclRequest => ({
  operation: 'read',
  path: 'secret/data/app',
  data: {},
  wrapTtl: undefined,
  sudo: false,
  ...changes,
});

function denialOf(texts: Readonly<Record<string, string>>, request: AclRequest, now = 0): Denial {
  const all = Object.entries(texts).map(([name, text]) => parsePolicy(name, text));
  const verdict = compileAcl(
    all.map((policy) => withoutExpired(policy, now)),
    all,
  ).allows(request);
  expect(verdict.allowed).toBe(false);
  expect(verdict.granting).toEqual([]);
  if (verdict.denial === undefined) throw new Error('denied without a reason');
  return verdict.denial;
}

describe('a denial', () => {
  it.each<[string, Record<string, string>, Partial<AclRequest>, Record<string, unknown>, string]>([
    [
      'no rule',
      { a: 'path "other/*" { capabilities = ["read"] }' },
      {},
      { reason: 'no_rule' },
      'no rule of the policies matches this path',
    ],
    [
      'a missing capability',
      {
        a: 'path "secret/data/+" { capabilities = ["read"] }',
        b: 'path "secret/data/+" { capabilities = ["list"] }',
        c: 'path "secret/*" { capabilities = ["update"] }',
      },
      { operation: 'update' },
      { reason: 'capability', rule: 'secret/data/+', policies: ['a', 'b'], missing: 'update' },
      'the rule "secret/data/+" of a, b decides, and does not grant update',
    ],
    [
      'a denying rule, with the policies that deny and no others',
      { a: 'path "secret/*" { capabilities = ["read"] }', b: 'path "secret/*" { capabilities = ["deny"] }' },
      {},
      { reason: 'deny', rule: 'secret/*', policies: ['b'] },
      'the rule "secret/*" of b denies everything at this path',
    ],
    [
      'missing sudo',
      { a: 'path "secret/*" { capabilities = ["read"] }' },
      { sudo: true },
      { reason: 'capability', rule: 'secret/*', policies: ['a'], missing: 'sudo' },
      'the rule "secret/*" of a grants read, but this path is protected and needs sudo as well',
    ],
    [
      'a parameter that is missing',
      { a: 'path "secret/*" { capabilities = ["read"] required_parameters = ["Ticket"] }' },
      { data: { other: 'hunter2' } },
      { reason: 'parameter', rule: 'secret/*', policies: ['a'], parameter_rule: 'required_parameters', parameter: 'ticket' },
      'the rule "secret/*" of a grants read, but asks for the parameter "ticket"',
    ],
    [
      'a parameter that is denied',
      { a: 'path "secret/*" { capabilities = ["read"] denied_parameters = { pass = ["hunter2"] } }' },
      { data: { fine: 'x', Pass: 'hunter2' } },
      { reason: 'parameter', rule: 'secret/*', policies: ['a'], parameter_rule: 'denied_parameters', parameter: 'pass' },
      'the rule "secret/*" of a grants read, but denies the parameter "pass", or its value',
    ],
    [
      'a parameter that is not allowed',
      { a: 'path "secret/*" { capabilities = ["read"] allowed_parameters = { ttl = ["1h"] } }' },
      { data: { ttl: '2h' } },
      { reason: 'parameter', rule: 'secret/*', policies: ['a'], parameter_rule: 'allowed_parameters', parameter: 'ttl' },
      'the rule "secret/*" of a grants read, but does not allow the parameter "ttl", or its value',
    ],
    [
      'bounds of wrapping',
      { a: 'path "secret/*" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }' },
      { wrapTtl: 30 },
      { reason: 'wrapping', rule: 'secret/*', policies: ['a'], min_wrapping_ttl: 60, max_wrapping_ttl: 3600 },
      'the rule "secret/*" of a grants read only to requests that have the answer wrapped for at least 60 seconds and for at most 3600 seconds',
    ],
  ])('names %s', (_what, policies, request, described, sentence) => {
    const denial = denialOf(policies, ask(request));
    expect(describeDenial(denial)).toStrictEqual(described);
    expect(sayDenial(denial, request.operation ?? 'read')).toBe(sentence);
    // A value that a caller sent is nobody else's to read.
    expect(JSON.stringify([describeDenial(denial), sentence])).not.toContain('hunter2');
  });

  it('names a rule that has expired, where it would have granted the request, and no other', () => {
    const ended = 'path "secret/*" { capabilities = ["read"] expiration = "2026-01-01T00:00:00Z" }';
    const now = Date.parse('2026-06-01T00:00:00Z');
    expect(describeDenial(denialOf({ a: ended }, ask(), now))).toStrictEqual({
      reason: 'expired',
      rule: 'secret/*',
      policies: ['a'],
      expired: '2026-01-01T00:00:00Z',
    });
    expect(denialOf({ a: ended }, ask({ operation: 'update' }), now).reason).toBe('no_rule');
    expect(denialOf({ a: ended, b: 'path "secret/*" { capabilities = ["deny"] }' }, ask(), now).reason).toBe('deny');
    expect(compileAcl([parsePolicy('a', ended)]).allows(ask()).allowed).toBe(true);
  });
});

const words = ['create', 'read', 'update', 'list', 'patch', 'delete', 'sudo', 'deny'] as const;
const rule = fc.record({
  path: fc
    .tuple(fc.array(fc.constantFrom('a', 'b', '+'), { minLength: 1, maxLength: 3 }), fc.constantFrom('', '*', '/*'))
    .map(([parts, end]) => parts.join('/') + end)
    .filter((path) => !path.includes('+*')),
  capabilities: fc.uniqueArray(fc.constantFrom(...words), { maxLength: 4 }),
  extra: fc.constantFrom(
    '',
    'required_parameters = ["x"]',
    'denied_parameters = { x = [] }',
    'allowed_parameters = { y = ["1"] }',
    'min_wrapping_ttl = "10s"',
    'max_wrapping_ttl = "20s"',
  ),
});
const request: fc.Arbitrary<AclRequest> = fc.record({
  operation: fc.constantFrom('create' as const, 'read' as const, 'update' as const, 'list' as const, 'patch' as const, 'delete' as const),
  path: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  data: fc.constantFrom({}, { x: '1' }, { y: '1' }, { y: '2' }, { x: '1', z: '2' }),
  wrapTtl: fc.constantFrom(undefined, 5, 15, 25),
  sudo: fc.boolean(),
});

describe('for random policies and requests an explanation', () => {
  it('is there exactly where the request is denied, and names a rule that matches and policies that have it', () => {
    fc.assert(
      fc.property(fc.array(fc.array(rule, { maxLength: 4 }), { minLength: 1, maxLength: 3 }), request, (written, asked) => {
        const policies = parsed(written);
        const { allowed, denial, granting, rule: deciding } = compileAcl(policies).allows(asked);
        expect(denial === undefined).toBe(allowed);
        if (allowed) expect([...(deciding?.capabilities ?? [])]).toContain(asked.operation);
        if (allowed) for (const { name } of granting) expect(deciding?.policies).toContain(name);
        if (denial === undefined || !('rule' in denial)) return;
        for (const name of denial.rule.policies)
          expect(policies.find((policy) => policy.name === name)?.rules.map(({ path }) => path)).toContain(denial.rule.path);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leads to a granted request, when what it names is repaired again and again', () => {
    fc.assert(
      fc.property(fc.array(fc.array(rule, { maxLength: 4 }), { minLength: 1, maxLength: 3 }), request, (written, asked) => {
        let policies = parsed(written);
        let wanted = asked;
        for (let step = 0; ; step++) {
          const { denial } = compileAcl(policies).allows(wanted);
          if (denial === undefined) break;
          // Deny, capability, sudo, wrapping, and a parameter of each kind: each can be wrong once at a rule.
          expect(step, JSON.stringify(describeDenial(denial))).toBeLessThan(12);
          [policies, wanted] = repaired(policies, wanted, denial);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

function parsed(written: readonly (readonly { path: string; capabilities: readonly string[]; extra: string }[])[]): Policy[] {
  return written.map((rules, at) =>
    parsePolicy(
      `p${at}`,
      rules
        .map(({ path, capabilities, extra }) => `path "${path}" {\ncapabilities = ${JSON.stringify(capabilities)}\n${extra}\n}`)
        .join('\n'),
    ),
  );
}

/** As an operator would who reads the explanation and nothing else. */
function repaired(policies: readonly Policy[], asked: AclRequest, denial: Denial): [Policy[], AclRequest] {
  const described = describeDenial(denial);
  const named = described['policies'] as readonly string[] | undefined;
  const change = (edit: (rule: Policy['rules'][number]) => Policy['rules'][number]) =>
    policies.map((policy) => ({
      ...policy,
      rules: policy.rules.map((one) => (named?.includes(policy.name) === true && one.path === described['rule'] ? edit(one) : one)),
    }));
  switch (described['reason']) {
    case 'no_rule':
      return [[...policies, parsePolicy('more', `path "${asked.path}" { capabilities = ["${asked.operation}"] }`)], asked];
    case 'deny':
      return [change((one) => ({ ...one, capabilities: new Set([...one.capabilities].filter((word) => word !== 'deny')) })), asked];
    case 'capability':
      return [change((one) => ({ ...one, capabilities: new Set([...one.capabilities, described['missing'] as 'read']) })), asked];
    case 'wrapping':
      return [change(({ minWrappingTtl: _min, maxWrappingTtl: _max, ...one }) => one), asked];
    case 'parameter': {
      const name = described['parameter'] as string;
      if (described['parameter_rule'] === 'required_parameters') return [[...policies], { ...asked, data: { ...asked.data, [name]: '1' } }];
      const key = described['parameter_rule'] === 'denied_parameters' ? 'deniedParameters' : 'allowedParameters';
      return [change(({ [key]: _gone, ...one }) => one as Policy['rules'][number]), asked];
    }
    default:
      throw new Error(`no repair for ${String(described['reason'])}`);
  }
}
