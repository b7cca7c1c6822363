// Policies as people write them: every key, the old forms, JSON, and errors that say where.

import { describe, expect, it } from 'vitest';
import { parsePolicy } from './policy.ts';

const ruleOf = (body: string, path = 'secret/a') => {
  const { rules } = parsePolicy('p', `path "${path}" {\n${body}\n}`);
  expect(rules).toHaveLength(1);
  return rules[0] as (typeof rules)[number];
};
const refusal = (text: string): string => {
  try {
    parsePolicy('p', text);
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'invalid-request' });
    return (thrown as Error).message;
  }
  throw new Error('the policy was accepted');
};

describe('a policy', () => {
  it('grants what its capabilities say', () => {
    const { rules } = parsePolicy(
      'p',
      'path "a" { capabilities = ["create", "read", "update", "delete", "list", "sudo", "patch", "scan"] }\npath "b/*" { capabilities = ["deny"] }',
    );
    expect(rules.map(({ path }) => path)).toEqual(['a', 'b/*']);
    expect([...(rules[0]?.capabilities ?? [])]).toEqual(['create', 'read', 'update', 'delete', 'list', 'sudo', 'patch', 'scan']);
    expect([...(rules[1]?.capabilities ?? [])]).toEqual(['deny']);
  });

  it('takes every key that a path may have', () => {
    const rule = ruleOf(`
      comment = "said by somebody"
      capabilities = ["read", "list"]
      allowed_parameters = { "Name" = ["a", 1, true], "any" = [] }
      denied_parameters { "secret" = [] }
      required_parameters = ["Name"]
      min_wrapping_ttl = "1m"
      max_wrapping_ttl = 600
      pagination_limit = 10
      expiration = "2030-01-01T00:00:00Z"
      list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}"
    `);
    expect([...rule.capabilities]).toEqual(['read', 'list']);
    expect(rule.allowedParameters).toEqual(
      new Map([
        ['name', ['a', 1, true]],
        ['any', []],
      ]),
    );
    expect(rule.deniedParameters).toEqual(new Map([['secret', []]]));
    expect(rule.requiredParameters).toEqual(['name']);
    expect(rule).toMatchObject({ minWrappingTtl: 60, maxWrappingTtl: 600, expires: Date.UTC(2030, 0, 1) });
  });

  it.each([
    ['deny', ['deny']],
    ['read', ['read', 'list']],
    ['write', ['create', 'read', 'update', 'delete', 'list']],
    ['sudo', ['create', 'read', 'update', 'delete', 'list', 'sudo']],
  ])('understands the old form policy = "%s"', (form, granted) => {
    expect([...ruleOf(`policy = "${form}"`).capabilities]).toEqual(granted);
  });

  it('adds the old form and the capabilities up', () => {
    expect([...ruleOf('policy = "read"\ncapabilities = ["update"]').capabilities]).toEqual(['read', 'list', 'update']);
  });

  it('lets deny stand alone', () => {
    expect([...ruleOf('capabilities = ["read", "deny", "update"]').capabilities]).toEqual(['deny']);
  });

  it('says the same in JSON as in HCL', () => {
    const hcl = parsePolicy(
      'p',
      'name = "p"\npath "kv/a" { capabilities = ["read"] allowed_parameters = { "x" = ["1", 2], "y" = [] } min_wrapping_ttl = 60 }\npath "kv/b*" { policy = "write" }',
    );
    const json = parsePolicy(
      'p',
      JSON.stringify({
        name: 'p',
        path: {
          'kv/a': { capabilities: ['read'], allowed_parameters: { x: ['1', 2], y: [] }, min_wrapping_ttl: 60 },
          'kv/b*': { policy: 'write' },
        },
      }),
    );
    expect(json).toEqual(hcl);
  });

  it('takes paths of JSON as a list of objects too', () => {
    const { rules } = parsePolicy('p', '{"path":[{"a":{"capabilities":["read"]}},{"b":{"capabilities":["list"]}}]}');
    expect(rules.map(({ path }) => path)).toEqual(['a', 'b']);
  });

  it('drops the slash that a path begins with', () => {
    expect(ruleOf('capabilities = ["read"]', '/secret/a').path).toBe('secret/a');
  });

  it('adds up a key that stands twice', () => {
    const rule = ruleOf(
      'capabilities = ["read"]\ncapabilities = ["list"]\ndenied_parameters = { "a" = [] }\ndenied_parameters = { "b" = [] }',
    );
    expect([...rule.capabilities]).toEqual(['read', 'list']);
    expect([...(rule.deniedParameters?.keys() ?? [])]).toEqual(['a', 'b']);
  });

  it('grants nothing where a second factor would be needed, since nobody can prove one here', () => {
    expect([...ruleOf('capabilities = ["read"]\nmfa_methods = ["totp"]').capabilities]).toEqual([]);
  });

  it('grants nothing where approval would be needed, since nobody can give it here', () => {
    const body = 'capabilities = ["read"]\ncontrol_group = { ttl = "1h" factor "one" { identity { group_names = ["a"] approvals = 1 } } }';
    expect([...ruleOf(body).capabilities]).toEqual([]);
    expect([...ruleOf(body.replace('read', 'deny')).capabilities]).toEqual(['deny']);
  });

  it('takes an expiration in seconds since the epoch', () => {
    expect(ruleOf('capabilities = ["read"]\nexpiration = 1893456000').expires).toBe(Date.UTC(2030, 0, 1));
    expect(ruleOf('capabilities = ["read"]\nexpiration = ""').expires).toBeUndefined();
  });
});

describe('a policy that is wrong', () => {
  it.each([
    [
      'a comma too few, on the third line',
      'path "a" {\n  capabilities = [\n    "read" "list"\n  ]\n}',
      'failed to parse policy: At 3:12: error parsing list, expected comma or list end, got: STRING',
    ],
    ['a string without its end', 'path "a', 'failed to parse policy: At 1:6: literal not terminated'],
    ['an unknown capability', 'path "a" { capabilities = ["fly"] }', 'failed to parse policy: path "a": invalid capability "fly"'],
    ['an unknown old form', 'path "a" { policy = "all" }', 'failed to parse policy: path "a": invalid policy "all"'],
    [
      'a wildcard behind a plus',
      'path "/a/+*" { capabilities = ["read"] }',
      'failed to parse policy: path "a/+*": invalid use of wildcards (\'+*\' is forbidden)',
    ],
    [
      'an unknown key of a path',
      'path "a" {\n  capabilities = ["read"]\n  surprise = true\n}',
      'failed to parse policy: 1 error occurred:\n\t* path "a": invalid key "surprise" on line 3\n\n',
    ],
    [
      'several unknown keys',
      'path "a" { one = 1 two = 2 }',
      'failed to parse policy: 2 errors occurred:\n\t* path "a": invalid key "one" on line 1\n\t* path "a": invalid key "two" on line 1\n\n',
    ],
    [
      'an unknown key at the top',
      'name = "x" foo "y" {}',
      'failed to parse policy: 1 error occurred:\n\t* invalid key "foo" on line 0\n\n',
    ],
    [
      'an unknown key in JSON',
      '{"path":{"a":{"surprise":true}}}',
      'failed to parse policy: 1 error occurred:\n\t* path "a": invalid key "surprise" on line 1\n\n',
    ],
    [
      'wrapping bounds that leave nothing',
      'path "a" { capabilities = ["read"] min_wrapping_ttl = "2m" max_wrapping_ttl = "1m" }',
      'failed to parse policy: max_wrapping_ttl cannot be less than min_wrapping_ttl',
    ],
    [
      'a wrapping bound that is no duration',
      'path "a" { min_wrapping_ttl = "soon" }',
      'failed to parse policy: error parsing min_wrapping_ttl: time: invalid duration "soon"',
    ],
    [
      'an expiration that is no time',
      'path "a" { expiration = "tomorrow" }',
      'failed to parse policy: path "a": invalid expiration time: "tomorrow"',
    ],
    [
      'parameters without lists',
      'path "a" { allowed_parameters = { "x" = "1" } }',
      'failed to parse policy: path "a": allowed_parameters: x must be a list',
    ],
    [
      'capabilities that are no strings',
      'path "a" { capabilities = [1] }',
      'failed to parse policy: path "a": capabilities must be a list of strings',
    ],
    ['a path without a block', 'path "a" = 1', 'failed to parse policy: At 1:10: nested object expected: LBRACE got: ASSIGN'],
  ])('is refused for %s', (_, text, message) => {
    expect(refusal(text)).toBe(message);
  });
});
