// Whether the parameters of a request fit a rule: required, denied, allowed, in this order.

import type { MergedRule } from './merge.ts';
import type { ParameterRules } from './policy.ts';

type Rules = Pick<MergedRule, 'allowedParameters' | 'deniedParameters' | 'requiredParameters'>;

export function parametersAllow(
  { requiredParameters, deniedParameters, allowedParameters }: Rules,
  data: Readonly<Record<string, unknown>>,
): boolean {
  if (requiredParameters.length === 0 && deniedParameters === undefined && allowedParameters === undefined) return true;
  if (requiredParameters.some((name) => !Object.hasOwn(data, name))) return false;
  // A list, not a map: `x` and `X` may both be there, and each is judged.
  const given = Object.entries(data).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (given.length === 0) return true;
  return !anyDenied(deniedParameters, given) && allAllowed(allowedParameters, given);
}

type Given = readonly (readonly [name: string, value: unknown])[];

function anyDenied(rules: ParameterRules | undefined, given: Given): boolean {
  if (rules === undefined || rules.size === 0) return false;
  if (rules.has('*')) return true;
  for (const [name, value] of given) {
    const values = rules.get(name);
    if (values !== undefined && (values.length === 0 || values.some((wanted) => fits(wanted, value)))) return true;
  }
  return false;
}

function allAllowed(rules: ParameterRules | undefined, given: Given): boolean {
  if (rules === undefined || rules.size === 0) return true;
  const any = rules.has('*');
  if (any && rules.size === 1) return true;
  for (const [name, value] of given) {
    const values = rules.get(name);
    if (values === undefined) {
      if (!any) return false;
    } else if (values.length > 0 && !values.some((wanted) => fits(wanted, value))) return false;
  }
  return true;
}

/** Strings may begin or end with `*`, which alone is no wildcard; everything else is compared as JSON. */
function fits(wanted: unknown, value: unknown): boolean {
  if (typeof wanted !== 'string' || typeof value !== 'string') return JSON.stringify(wanted) === JSON.stringify(value);
  if (wanted === '*') return value === '*';
  const leading = wanted.startsWith('*');
  const trailing = wanted.endsWith('*');
  const middle = wanted.slice(leading ? 1 : 0, trailing ? -1 : undefined);
  if (leading && trailing) return value.includes(middle);
  if (leading) return value.endsWith(middle);
  return trailing ? value.startsWith(middle) : value === wanted;
}
