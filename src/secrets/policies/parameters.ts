// Whether the parameters of a request fit a rule: required, denied, allowed, in this order.

import type { MergedRule } from './merge.ts';
import type { ParameterRules } from './policy.ts';

type Rules = Pick<MergedRule, 'allowedParameters' | 'deniedParameters' | 'requiredParameters'>;

/** What is wrong with the parameters of a request, as far as it may be told: never a value. */
export interface ParameterRefusal {
  readonly rule: 'required_parameters' | 'denied_parameters' | 'allowed_parameters';
  /** Lower case; of the first parameter that is missing or does not fit. */
  readonly parameter: string;
}

/** Undefined where they fit. */
export function parameterRefusal(
  { requiredParameters, deniedParameters, allowedParameters }: Rules,
  data: Readonly<Record<string, unknown>>,
): ParameterRefusal | undefined {
  if (requiredParameters.length === 0 && deniedParameters === undefined && allowedParameters === undefined) return undefined;
  const missing = requiredParameters.find((name) => !Object.hasOwn(data, name));
  if (missing !== undefined) return { rule: 'required_parameters', parameter: missing };
  // A list, not a map: `x` and `X` may both be there, and each is judged.
  const given = Object.entries(data).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (given.length === 0) return undefined;
  const denied = firstDenied(deniedParameters, given);
  if (denied !== undefined) return { rule: 'denied_parameters', parameter: denied };
  const unfit = firstNotAllowed(allowedParameters, given);
  return unfit === undefined ? undefined : { rule: 'allowed_parameters', parameter: unfit };
}

type Given = readonly (readonly [name: string, value: unknown])[];

function firstDenied(rules: ParameterRules | undefined, given: Given): string | undefined {
  if (rules === undefined || rules.size === 0) return undefined;
  if (rules.has('*')) return given[0]?.[0];
  for (const [name, value] of given) {
    const values = rules.get(name);
    if (values !== undefined && (values.length === 0 || values.some((wanted) => fits(wanted, value)))) return name;
  }
  return undefined;
}

function firstNotAllowed(rules: ParameterRules | undefined, given: Given): string | undefined {
  if (rules === undefined || rules.size === 0) return undefined;
  const any = rules.has('*');
  if (any && rules.size === 1) return undefined;
  for (const [name, value] of given) {
    const values = rules.get(name);
    if (values === undefined) {
      if (!any) return name;
    } else if (values.length > 0 && !values.some((wanted) => fits(wanted, value))) return name;
  }
  return undefined;
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
