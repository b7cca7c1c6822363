// Templates in the paths of policies: `{{identity.entity.name}}` and its like.

import type { PathRule, Policy, TemplateLeave } from './policy.ts';

export interface Templating {
  /** Whose values they are; empty for a token without an entity. */
  readonly id: string;
  /** Value of `identity.entity.id` and the like; undefined where there is none. */
  lookup(variable: string): string | undefined;
}

const template = /\{\{([^{}]*)\}\}/g;
const nothing: TemplateLeave = { wildcards: false, slashes: false };

/** A rule whose template has no value, or one that the policy gives no leave for, is left out: it grants nothing to anybody. */
export function resolveTemplates(policy: Policy, templating: Templating): Policy {
  if (!policy.rules.some(({ path }) => path.includes('{{'))) return policy;
  return { ...policy, rules: policy.rules.flatMap((rule) => resolved(rule, templating, policy.leave ?? nothing)) };
}

function resolved(rule: PathRule, templating: Templating, leave: TemplateLeave): PathRule[] {
  if (!rule.path.includes('{{')) return [rule];
  let complete = true;
  const path = rule.path.replace(template, (_whole, variable: string) => {
    const value = templating.lookup(variable.trim());
    if (value === undefined || value === '' || !isAllowed(value, leave)) complete = false;
    return value ?? '';
  });
  return complete && !path.includes('{{') ? [{ ...rule, path }] : [];
}

function isAllowed(value: string, { wildcards, slashes }: TemplateLeave): boolean {
  return (wildcards || !/[*+]/.test(value)) && (slashes || !value.includes('/'));
}
