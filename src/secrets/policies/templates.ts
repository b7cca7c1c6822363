// Templates in the paths of policies: `{{identity.entity.name}}` and its like.

import type { PathRule, Policy } from './policy.ts';

export interface Templating {
  /** Value of `identity.entity.id` and the like; undefined where there is none. */
  lookup(variable: string): string | undefined;
}

const template = /\{\{\s*([^}\s]+)\s*\}\}/g;

/** A rule whose template has no value is left out: it grants nothing to anybody. */
export function resolveTemplates(policy: Policy, templating: Templating): Policy {
  if (!policy.rules.some(({ path }) => path.includes('{{'))) return policy;
  return { name: policy.name, rules: policy.rules.flatMap((rule) => resolved(rule, templating)) };
}

function resolved(rule: PathRule, templating: Templating): PathRule[] {
  if (!rule.path.includes('{{')) return [rule];
  let complete = true;
  const path = rule.path.replace(template, (_whole, variable: string) => {
    const value = templating.lookup(variable);
    // A value that holds a wildcard or a slash would widen what the rule grants.
    if (value === undefined || value === '' || /[*+/]/.test(value)) complete = false;
    return value ?? '';
  });
  return complete && !path.includes('{{') ? [{ ...rule, path }] : [];
}
