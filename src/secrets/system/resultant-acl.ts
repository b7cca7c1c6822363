// What a caller's policies add up to, as user interfaces read it.

import type { Acl } from '../policies/acl.ts';
import type { MergedRule } from '../policies/merge.ts';
import type { ParameterRules } from '../policies/policy.ts';

export function describeAcl({ isRoot, rules }: Acl): Record<string, unknown> {
  if (isRoot) return { root: true };
  const described = (pairs: Iterable<readonly [string, MergedRule]>) =>
    Object.fromEntries([...pairs].map(([path, rule]) => [path, describeRule(rule)]));
  return {
    exact_paths: described(rules.exact),
    glob_paths: described(rules.prefix),
    root: false,
  };
}

function describeRule(rule: MergedRule): Record<string, unknown> {
  return {
    ...(rule.allowedParameters === undefined ? {} : { allowed_parameters: parameters(rule.allowedParameters) }),
    capabilities: [...rule.capabilities].sort(),
    ...(rule.deniedParameters === undefined ? {} : { denied_parameters: parameters(rule.deniedParameters) }),
    ...(rule.requiredParameters.length === 0 ? {} : { required_parameters: rule.requiredParameters }),
    ...(rule.minWrappingTtl === undefined ? {} : { min_wrapping_ttl: rule.minWrappingTtl }),
    ...(rule.maxWrappingTtl === undefined ? {} : { max_wrapping_ttl: rule.maxWrappingTtl }),
  };
}

function parameters(rules: ParameterRules): Record<string, readonly unknown[]> {
  return Object.fromEntries(rules);
}
