// What several policies add up to, compiled once and asked for every request.

import type { Operation } from '../core/engine.ts';
import type { Denial } from './explain.ts';
import type { ListFilter } from './list-filter.ts';
import { type MergedRule, mergeRules } from './merge.ts';
import { parameterRefusal } from './parameters.ts';
import type { Capability, Policy } from './policy.ts';

export interface AclRequest {
  readonly operation: Operation;
  /** Without a leading slash; a list path ends in `/`. */
  readonly path: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly wrapTtl: number | undefined;
  /** The route is root-protected. */
  readonly sudo: boolean;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly granting: readonly { readonly name: string; readonly type: 'acl' }[];
  /** The rule that decided. None where the request needs none, or none was found. */
  readonly rule?: MergedRule;
  /** Set where it is not allowed. */
  readonly denial?: Denial;
  /** Names that lead to paths which the caller may not use are left out of the list. */
  readonly listFilter?: ListFilter;
}

export interface Acl {
  readonly isRoot: boolean;
  allows(request: AclRequest): Verdict;
  /** Sorted; `deny` or `root` alone. */
  capabilities(path: string): string[];
  hasSudo(path: string): boolean;
  /** Whether any rule grants something at or below this path: for listings of mounts. */
  touches(path: string): boolean;
  readonly rules: {
    readonly exact: ReadonlyMap<string, MergedRule>;
    readonly prefix: ReadonlyMap<string, MergedRule>;
    readonly segments: readonly SegmentRule[];
  };
}

/** A rule with `+`. */
export interface SegmentRule {
  readonly pattern: string;
  readonly segments: readonly string[];
  readonly isPrefix: boolean;
  readonly rule: MergedRule;
}

const rememberedPaths = 1_024;
const rootVerdict: Verdict = { allowed: true, granting: [{ name: 'root', type: 'acl' }] };
const noRules = { exact: new Map<string, MergedRule>(), prefix: new Map<string, MergedRule>(), segments: [] };

/** Grants everything. */
export const rootAcl: Acl = {
  isRoot: true,
  allows: () => rootVerdict,
  capabilities: () => ['root'],
  hasSudo: () => true,
  touches: () => true,
  rules: noRules,
};

/** `ended` are the same policies with the rules that have expired, to tell whoever asks why something is not granted any more. */
export function compileAcl(policies: readonly Policy[], ended?: readonly Policy[]): Acl {
  if (policies.some(({ name }) => name === 'root')) return rootAcl;
  const { exact, prefix, segments } = index(policies);
  const prefixes = [...prefix.keys()].sort((a, b) => b.length - a.length);

  const longestPrefix = (path: string): Candidate | undefined => {
    const found = prefixes.find((start) => path.startsWith(start));
    return found === undefined
      ? undefined
      : { pattern: `${found}*`, wildcardAt: found.length, isPrefix: true, pluses: 0, rule: prefix.get(found) as MergedRule };
  };
  const bestGlob = (path: string): Candidate | undefined => {
    let best = longestPrefix(path);
    if (segments.length === 0) return best;
    const parts = path.split('/');
    for (const rule of segments) {
      if (!segmentsMatch(rule, parts)) continue;
      const candidate = candidateOf(rule);
      if (best === undefined || outranks(candidate, best)) best = candidate;
    }
    return best;
  };
  const decide = (path: string, lists: boolean): MergedRule | undefined => {
    const bare = lists && path.endsWith('/') ? path.slice(0, -1) : undefined;
    const found = exact.get(path) ?? (bare === undefined ? undefined : exact.get(bare));
    if (found !== undefined) return found;
    const glob = bestGlob(path);
    if (bare === undefined) return glob?.rule;
    // Without its slash a path is the second choice, unless it is denied there by the more specific rule.
    const second = bestGlob(bare);
    if (glob === undefined || second === undefined) return (glob ?? second)?.rule;
    return second.rule.capabilities.has('deny') && outranks(second, glob) ? second.rule : glob.rule;
  };
  /** The paths that were asked for last: most requests come again. */
  const decided = new Map<string, MergedRule | undefined>();
  const ruleFor = (path: string, lists: boolean): MergedRule | undefined => {
    if (lists) return decide(path, lists);
    const known = decided.get(path);
    if (known !== undefined || decided.has(path)) return known;
    if (decided.size >= rememberedPaths) decided.clear();
    const rule = decide(path, lists);
    decided.set(path, rule);
    return rule;
  };

  let before: Acl | undefined;
  const refuse = (denial: Denial, request: AclRequest): Verdict => {
    if (ended !== undefined) {
      before ??= compileAcl(ended);
      const { rule } = before.allows(request);
      if (rule !== undefined) return { allowed: false, granting: [], denial: { reason: 'expired', rule } };
    }
    return { allowed: false, granting: [], denial };
  };

  return {
    isRoot: false,
    allows(request) {
      const { operation } = request;
      if (operation === 'help') return { allowed: true, granting: [] };
      const lists = operation === 'list' || operation === 'scan';
      const rule = ruleFor(request.path, lists);
      if (rule === undefined) return refuse({ reason: 'no_rule' }, request);
      if (!rule.capabilities.has(operation)) return refuse(withoutCapability(rule, operation), request);
      if (request.sudo && !rule.capabilities.has('sudo')) return refuse({ reason: 'capability', rule, missing: 'sudo' }, request);
      if (!wrappingAllows(rule, request.wrapTtl)) return refuse({ reason: 'wrapping', rule }, request);
      if (!lists && operation !== 'delete') {
        const refusal = parameterRefusal(rule, request.data);
        if (refusal !== undefined) return refuse({ reason: 'parameter', rule, refusal }, request);
      }
      const granting = rule.granting.get(operation) ?? [];
      if (!lists || rule.listFilter === undefined) return { allowed: true, granting, rule };
      return { allowed: true, granting, rule, listFilter: rule.listFilter };
    },
    capabilities(path) {
      const rule = ruleFor(path, true);
      const granted: Capability[] = rule === undefined ? [] : [...rule.capabilities];
      return granted.length === 0 || granted.includes('deny') ? ['deny'] : granted.sort();
    },
    hasSudo: (path) => ruleFor(path, false)?.capabilities.has('sudo') === true,
    touches(path) {
      const grants = (rule: MergedRule | undefined) => rule !== undefined && rule.capabilities.size > 0 && !rule.capabilities.has('deny');
      if (grants(ruleFor(path, true))) return true;
      const below = (pattern: string) => pattern.startsWith(path);
      if ([...exact, ...prefix].some(([pattern, rule]) => below(pattern) && grants(rule))) return true;
      const parts = path.replace(/\/$/, '').split('/');
      return segments.some(
        ({ segments: wanted, rule }) => grants(rule) && parts.every((part, at) => wanted[at] === '+' || wanted[at] === part),
      );
    },
    rules: { exact, prefix, segments },
  };
}

function withoutCapability(rule: MergedRule, missing: Capability): Denial {
  return rule.capabilities.has('deny') ? { reason: 'deny', rule } : { reason: 'capability', rule, missing };
}

interface Candidate {
  readonly pattern: string;
  /** Where the first `+` or the final `*` stands. */
  readonly wildcardAt: number;
  readonly isPrefix: boolean;
  readonly pluses: number;
  readonly rule: MergedRule;
}

function candidateOf({ pattern, isPrefix, segments, rule }: SegmentRule): Candidate {
  return { pattern, wildcardAt: pattern.indexOf('+'), isPrefix, pluses: segments.filter((segment) => segment === '+').length, rule };
}

/** Vault's order of precedence: later wildcard, no prefix, fewer `+`, longer, lexicographically larger. */
function outranks(one: Candidate, other: Candidate): boolean {
  if (one.wildcardAt !== other.wildcardAt) return one.wildcardAt > other.wildcardAt;
  if (one.isPrefix !== other.isPrefix) return other.isPrefix;
  if (one.pluses !== other.pluses) return one.pluses < other.pluses;
  if (one.pattern.length !== other.pattern.length) return one.pattern.length > other.pattern.length;
  return one.pattern > other.pattern;
}

function segmentsMatch({ segments, isPrefix }: SegmentRule, parts: readonly string[]): boolean {
  if (isPrefix ? parts.length < segments.length : parts.length !== segments.length) return false;
  return segments.every((segment, at) => {
    const part = parts[at] as string;
    if (segment === '+') return true;
    return isPrefix && at === segments.length - 1 ? part.startsWith(segment) : part === segment;
  });
}

function wrappingAllows({ minWrappingTtl, maxWrappingTtl }: MergedRule, wrapTtl: number | undefined): boolean {
  const bounded = (maxWrappingTtl ?? 0) > 0 || (minWrappingTtl ?? 0) > 0;
  if (!bounded) return true;
  if (wrapTtl === undefined) return false;
  if ((maxWrappingTtl ?? 0) > 0 && wrapTtl > (maxWrappingTtl as number)) return false;
  return wrapTtl >= (minWrappingTtl ?? 0);
}

function index(policies: readonly Policy[]): { exact: Map<string, MergedRule>; prefix: Map<string, MergedRule>; segments: SegmentRule[] } {
  const exact = new Map<string, MergedRule>();
  const prefix = new Map<string, MergedRule>();
  const segments: SegmentRule[] = [];
  for (const [path, rule] of mergeRules(policies)) {
    const isPrefix = path.endsWith('*');
    const stem = isPrefix ? path.slice(0, -1) : path;
    if (stem.split('/').includes('+')) segments.push({ pattern: path, segments: stem.split('/'), isPrefix, rule });
    else (isPrefix ? prefix : exact).set(stem, rule);
  }
  return { exact, prefix, segments };
}
