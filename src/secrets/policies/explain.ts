// Why a request was denied: the rule that decided, and what it lacked. For operators, never for the caller.

import { rfc3339 } from '../../base/times.ts';
import type { MergedRule } from './merge.ts';
import type { ParameterRefusal } from './parameters.ts';
import type { Capability } from './policy.ts';

/** Made by the ACL itself together with its verdict, so that no explanation can differ from what was decided. */
export type Denial =
  | { readonly reason: 'no_rule' }
  | { readonly reason: 'deny' | 'wrapping'; readonly rule: MergedRule }
  | { readonly reason: 'capability'; readonly rule: MergedRule; readonly missing: Capability }
  | { readonly reason: 'parameter'; readonly rule: MergedRule; readonly refusal: ParameterRefusal }
  /** A rule that would have granted the request has ended. */
  | { readonly reason: 'expired'; readonly rule: MergedRule }
  /** No policy was asked: the token itself did not do. */
  | { readonly reason: 'no_token' | 'unknown_token' | 'bound_cidrs' | 'no_uses_left' | 'entity_disabled' }
  /** A login of a user who failed too often of late. */
  | { readonly reason: 'locked_out' }
  /** The policies granted it, or none was asked: the route itself refused. */
  | { readonly reason: 'route' };

/** As audit lines and `sys/policies/explain` show it. Names and patterns, never the value of a parameter. */
export function describeDenial(denial: Denial): Record<string, unknown> {
  if (!('rule' in denial)) return { reason: denial.reason };
  const { reason, rule } = denial;
  const common = { reason, rule: rule.path, policies: decidingPolicies(denial.reason, rule) };
  switch (denial.reason) {
    case 'capability':
      return { ...common, missing: denial.missing };
    case 'parameter':
      return { ...common, parameter_rule: denial.refusal.rule, parameter: denial.refusal.parameter };
    case 'wrapping':
      return { ...common, ...wrappingBounds(rule) };
    case 'expired':
      return { ...common, ...(rule.expires === undefined ? {} : { expired: rfc3339(rule.expires) }) };
    case 'deny':
      return common;
  }
}

/** One sentence for people. */
export function sayDenial(denial: Denial, operation: string): string {
  if (!('rule' in denial)) return withoutRule[denial.reason];
  const { rule } = denial;
  const named = `the rule ${JSON.stringify(rule.path)} of ${decidingPolicies(denial.reason, rule).join(', ')}`;
  switch (denial.reason) {
    case 'deny':
      return `${named} denies everything at this path`;
    case 'capability':
      return denial.missing === operation
        ? `${named} decides, and does not grant ${denial.missing}`
        : `${named} grants ${operation}, but this path is protected and needs ${denial.missing} as well`;
    case 'parameter':
      return `${named} grants ${operation}, but ${parameterSentence(denial.refusal)}`;
    case 'wrapping':
      return `${named} grants ${operation} only to requests that have the answer wrapped ${boundsText(rule)}`;
    case 'expired':
      return `${named} would grant this, but has expired`;
  }
}

const withoutRule: Readonly<Record<Exclude<Denial, { readonly rule: MergedRule }>['reason'], string>> = {
  no_rule: 'no rule of the policies matches this path',
  no_token: 'no token was sent',
  unknown_token: 'the token is not valid',
  bound_cidrs: 'the token may not be used from this address',
  no_uses_left: 'the token had no uses left',
  entity_disabled: 'the entity of the token is disabled, or gone',
  locked_out: 'the user is locked out after failed logins',
  route: 'no policy refused this, the route itself did',
};

/** Those that deny, where that is what decided; otherwise all that have the rule. */
function decidingPolicies(reason: Denial['reason'], { policies, granting }: MergedRule): readonly string[] {
  const denying = reason === 'deny' ? granting.get('deny') : undefined;
  return denying === undefined ? policies : [...new Set(denying.map(({ name }) => name))];
}

function wrappingBounds({ minWrappingTtl = 0, maxWrappingTtl = 0 }: MergedRule): Record<string, number> {
  return {
    ...(minWrappingTtl > 0 ? { min_wrapping_ttl: minWrappingTtl } : {}),
    ...(maxWrappingTtl > 0 ? { max_wrapping_ttl: maxWrappingTtl } : {}),
  };
}

function boundsText({ minWrappingTtl = 0, maxWrappingTtl = 0 }: MergedRule): string {
  const least = minWrappingTtl > 0 ? `for at least ${minWrappingTtl} seconds` : '';
  const most = maxWrappingTtl > 0 ? `for at most ${maxWrappingTtl} seconds` : '';
  return [least, most].filter(Boolean).join(' and ');
}

function parameterSentence({ rule, parameter }: ParameterRefusal): string {
  const name = JSON.stringify(parameter);
  if (rule === 'required_parameters') return `asks for the parameter ${name}`;
  return rule === 'denied_parameters' ? `denies the parameter ${name}, or its value` : `does not allow the parameter ${name}, or its value`;
}
