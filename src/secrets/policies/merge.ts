// Several rules for the same path become one: deny wins, capabilities add up, parameter rules are joined.

import type { ListFilter } from './list-filter.ts';
import type { Capability, ParameterRules, PathRule, Policy } from './policy.ts';

export interface MergedRule {
  /** As it was written, with its templates filled in. */
  readonly path: string;
  /** The policies that have a rule for this path. */
  readonly policies: readonly string[];
  readonly capabilities: ReadonlySet<Capability>;
  readonly allowedParameters: ParameterRules | undefined;
  readonly deniedParameters: ParameterRules | undefined;
  readonly requiredParameters: readonly string[];
  /** Seconds. */
  readonly minWrappingTtl: number | undefined;
  readonly maxWrappingTtl: number | undefined;
  /** Of the policy that says one first. */
  readonly listFilter: ListFilter | undefined;
  /** Milliseconds since the epoch; of the rule that ends first. */
  readonly expires: number | undefined;
  /** Which policies grant each capability. */
  readonly granting: ReadonlyMap<Capability, readonly { readonly name: string; readonly type: 'acl' }[]>;
}

export function mergeRules(policies: readonly Policy[]): Map<string, MergedRule> {
  const merged = new Map<string, MergedRule>();
  for (const { name, rules } of policies)
    for (const rule of rules) {
      const before = merged.get(rule.path);
      const single = ruleAlone(rule, name);
      merged.set(rule.path, before === undefined ? single : join(before, single));
    }
  return merged;
}

/** ACLs of many entities differ in their templated rules alone: the others are made once, and shared. */
const alone = new WeakMap<PathRule, MergedRule>();

function ruleAlone(rule: PathRule, policy: string): MergedRule {
  const known = alone.get(rule);
  if (known?.policies[0] === policy) return known;
  const made = mergedAlone(rule, policy);
  alone.set(rule, made);
  return made;
}

function mergedAlone(rule: PathRule, policy: string): MergedRule {
  return {
    path: rule.path,
    policies: [policy],
    capabilities: rule.capabilities,
    allowedParameters: rule.allowedParameters,
    deniedParameters: rule.deniedParameters,
    requiredParameters: rule.requiredParameters ?? [],
    minWrappingTtl: rule.minWrappingTtl,
    maxWrappingTtl: rule.maxWrappingTtl,
    listFilter: rule.listFilter,
    expires: rule.expires,
    granting: new Map([...rule.capabilities].map((capability) => [capability, [{ name: policy, type: 'acl' }]])),
  };
}

const denyAlone: ReadonlySet<Capability> = new Set(['deny']);

function join(one: MergedRule, other: MergedRule): MergedRule {
  const denies = one.capabilities.has('deny') || other.capabilities.has('deny');
  const granting = new Map(one.granting);
  for (const [capability, by] of other.granting) granting.set(capability, [...(granting.get(capability) ?? []), ...by]);
  return {
    path: one.path,
    policies: [...new Set([...one.policies, ...other.policies])],
    capabilities: denies ? denyAlone : new Set([...one.capabilities, ...other.capabilities]),
    allowedParameters: joinParameters(one.allowedParameters, other.allowedParameters),
    deniedParameters: joinParameters(one.deniedParameters, other.deniedParameters),
    requiredParameters: [...new Set([...one.requiredParameters, ...other.requiredParameters])],
    minWrappingTtl: smaller(one.minWrappingTtl, other.minWrappingTtl),
    maxWrappingTtl: smaller(one.maxWrappingTtl, other.maxWrappingTtl),
    listFilter: one.listFilter ?? other.listFilter,
    expires: smaller(one.expires, other.expires),
    granting,
  };
}

/** By key; an empty list, which means any value, swallows the other. */
function joinParameters(one: ParameterRules | undefined, other: ParameterRules | undefined): ParameterRules | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const joined = new Map(one);
  for (const [name, values] of other) {
    const before = joined.get(name);
    if (before === undefined) joined.set(name, values);
    else joined.set(name, before.length === 0 || values.length === 0 ? [] : [...before, ...values]);
  }
  return joined;
}

/** The smaller one that is set: also for the minimum, as Vault does it. */
function smaller(one: number | undefined, other: number | undefined): number | undefined {
  const set = [one, other].filter((value) => value !== undefined && value > 0) as number[];
  return set.length === 0 ? undefined : Math.min(...set);
}
