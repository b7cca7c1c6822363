// Reads an ACL policy, HCL or JSON: paths, and what may be done there.

import { parseDurationSeconds } from '../../base/durations.ts';
import { asFault, Fault } from '../../base/fault.ts';
import { blocksOf, type HclItem, type HclValue, parseHcl } from '../../base/hcl/parser.ts';

import { type ListFilter, parseListFilter } from './list-filter.ts';

export const capabilities = ['create', 'read', 'update', 'delete', 'list', 'sudo', 'patch', 'scan', 'deny'] as const;
export type Capability = (typeof capabilities)[number];

/** Allowed values per parameter, as their JSON; an empty list allows any. */
export type ParameterRules = ReadonlyMap<string, readonly unknown[]>;

export interface PathRule {
  /** As it was written; `*` at the end is a prefix, `+` stands for one segment. */
  readonly path: string;
  readonly capabilities: ReadonlySet<Capability>;
  readonly allowedParameters?: ParameterRules;
  readonly deniedParameters?: ParameterRules;
  readonly requiredParameters?: readonly string[];
  /** Seconds. */
  readonly minWrappingTtl?: number;
  readonly maxWrappingTtl?: number;
  /** Milliseconds since the epoch; from then on the rule is as if it were not there. */
  readonly expires?: number;
  readonly listFilter?: ListFilter;
}

export interface Policy {
  readonly name: string;
  readonly rules: readonly PathRule[];
  /** None where it says nothing. */
  readonly leave?: TemplateLeave;
}

/** What a policy lets the values of its templates hold: either widens what a rule grants. */
export interface TemplateLeave {
  /** `*` and `+`. */
  readonly wildcards: boolean;
  readonly slashes: boolean;
}

const oldForms: ReadonlyMap<string, readonly Capability[]> = new Map([
  ['deny', ['deny']],
  ['read', ['read', 'list']],
  ['write', ['create', 'read', 'update', 'delete', 'list']],
  ['sudo', ['create', 'read', 'update', 'delete', 'list', 'sudo']],
]);

const pathKeys = new Set([
  'comment',
  'policy',
  'capabilities',
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
  'mfa_methods',
  'pagination_limit',
  'expiration',
  'list_scan_response_keys_filter_path',
  'control_group',
]);

/** Throws Fault `invalid-request`: `failed to parse policy: …`. */
export function parsePolicy(name: string, text: string): Policy {
  try {
    return { name, rules: rulesOf(parseHcl(text)) };
  } catch (thrown) {
    throw new Fault('invalid-request', `failed to parse policy: ${asFault(thrown).message}`);
  }
}

function rulesOf(items: readonly HclItem[]): PathRule[] {
  const rules: PathRule[] = [];
  const unknown: string[] = [];
  for (const item of items) {
    const key = item.keys[0] as string;
    if (key === 'path') for (const block of blocksOf(item, 1)) rules.push(ruleOf(block.labels[0] ?? '', block.body));
    // The line of a top-level key is not known to Go's parser, and clients have seen this text for years.
    else if (key !== 'name') unknown.push(`invalid key ${JSON.stringify(key)} on line 0`);
  }
  if (unknown.length > 0) throw new Fault('invalid-request', framed(unknown));
  return rules;
}

function ruleOf(path: string, body: readonly HclItem[]): PathRule {
  const unknown = body.filter((item) => !pathKeys.has(item.keys[0] as string));
  if (unknown.length > 0)
    throw new Fault(
      'invalid-request',
      framed(
        unknown.map((item) => `path ${JSON.stringify(path)}: invalid key ${JSON.stringify(item.keys[0])} on line ${item.position.line}`),
      ),
    );
  const values = valuesOf(body);
  const cleanPath = path.startsWith('/') ? path.slice(1) : path;
  if (cleanPath.includes('+*'))
    throw new Fault('invalid-request', `path ${JSON.stringify(cleanPath)}: invalid use of wildcards ('+*' is forbidden)`);
  const wrapping = wrappingBounds(path, values);
  const allowed = parametersOf(path, 'allowed_parameters', values);
  const denied = parametersOf(path, 'denied_parameters', values);
  const required = values.get('required_parameters');
  const granted = capabilitiesOf(path, values);
  return {
    path: cleanPath,
    // Nobody can approve anything here, or prove a second factor: what asks for one of them is not granted.
    capabilities: (values.has('control_group') || values.has('mfa_methods')) && !granted.has('deny') ? nothing : granted,
    ...(allowed === undefined ? {} : { allowedParameters: allowed }),
    ...(denied === undefined ? {} : { deniedParameters: denied }),
    ...(required === undefined
      ? {}
      : { requiredParameters: strings(path, 'required_parameters', required).map((name) => name.toLowerCase()) }),
    ...wrapping,
    ...expirationOf(path, values),
    ...listFilterOf(path, values),
  };
}

const nothing: ReadonlySet<Capability> = new Set();

function listFilterOf(path: string, values: ReadonlyMap<string, HclValue>): Pick<PathRule, 'listFilter'> {
  const value = values.get('list_scan_response_keys_filter_path');
  if (value === undefined) return {};
  if (value.kind !== 'string')
    throw new Fault('invalid-request', `path ${JSON.stringify(path)}: list_scan_response_keys_filter_path must be a string`);
  return value.text === '' ? {} : { listFilter: parseListFilter(value.text) };
}

/** A key that stands twice adds to what it said before, as far as both say lists or objects. */
function valuesOf(body: readonly HclItem[]): Map<string, HclValue> {
  const values = new Map<string, HclValue>();
  for (const { keys, value } of body) {
    const key = keys[0] as string;
    const before = values.get(key);
    if (before?.kind === 'list' && value.kind === 'list') values.set(key, { ...value, items: [...before.items, ...value.items] });
    else if (before?.kind === 'object' && value.kind === 'object') values.set(key, { ...value, items: [...before.items, ...value.items] });
    else values.set(key, value);
  }
  return values;
}

function capabilitiesOf(path: string, values: ReadonlyMap<string, HclValue>): ReadonlySet<Capability> {
  const granted = new Set<Capability>();
  const oldForm = values.get('policy');
  if (oldForm !== undefined) {
    const form = oldForm.kind === 'string' ? oldForms.get(oldForm.text) : undefined;
    if (form === undefined) throw new Fault('invalid-request', `path ${JSON.stringify(path)}: invalid policy ${shown(oldForm)}`);
    for (const capability of form) granted.add(capability);
  }
  const listed = values.get('capabilities');
  for (const word of listed === undefined ? [] : strings(path, 'capabilities', listed)) {
    if (!capabilities.includes(word as Capability))
      throw new Fault('invalid-request', `path ${JSON.stringify(path)}: invalid capability ${JSON.stringify(word)}`);
    granted.add(word as Capability);
  }
  return granted.has('deny') ? new Set(['deny']) : granted;
}

function wrappingBounds(path: string, values: ReadonlyMap<string, HclValue>): Pick<PathRule, 'minWrappingTtl' | 'maxWrappingTtl'> {
  const seconds = (key: string): number | undefined => {
    const value = values.get(key);
    if (value === undefined) return undefined;
    if (value.kind !== 'string' && value.kind !== 'number')
      throw new Fault('invalid-request', `path ${JSON.stringify(path)}: ${key} must be a duration`);
    try {
      return parseDurationSeconds(value.text);
    } catch (thrown) {
      throw new Fault('invalid-request', `error parsing ${key}: ${asFault(thrown).message}`);
    }
  };
  const minWrappingTtl = seconds('min_wrapping_ttl');
  const maxWrappingTtl = seconds('max_wrapping_ttl');
  if (minWrappingTtl !== undefined && maxWrappingTtl !== undefined && maxWrappingTtl !== 0 && maxWrappingTtl < minWrappingTtl)
    throw new Fault('invalid-request', 'max_wrapping_ttl cannot be less than min_wrapping_ttl');
  return { ...(minWrappingTtl === undefined ? {} : { minWrappingTtl }), ...(maxWrappingTtl === undefined ? {} : { maxWrappingTtl }) };
}

/** RFC 3339, or seconds since the epoch. */
function expirationOf(path: string, values: ReadonlyMap<string, HclValue>): Pick<PathRule, 'expires'> {
  const value = values.get('expiration');
  if (value === undefined || ('text' in value && value.text === '')) return {};
  const text = 'text' in value ? value.text : '';
  const expires = /^\d+$/.test(text) ? Number(text) * 1000 : rfc3339Pattern.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(expires)) throw new Fault('invalid-request', `path ${JSON.stringify(path)}: invalid expiration time: ${shown(value)}`);
  return { expires };
}

const rfc3339Pattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

function parametersOf(path: string, key: string, values: ReadonlyMap<string, HclValue>): ParameterRules | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  if (value.kind !== 'object') throw new Fault('invalid-request', `path ${JSON.stringify(path)}: ${key} must be an object of lists`);
  return new Map(
    value.items.map((item) => {
      if (item.value.kind !== 'list')
        throw new Fault('invalid-request', `path ${JSON.stringify(path)}: ${key}: ${item.keys[0]} must be a list`);
      return [(item.keys[0] as string).toLowerCase(), item.value.items.map(plain)];
    }),
  );
}

function strings(path: string, key: string, value: HclValue): string[] {
  const items = value.kind === 'list' ? value.items : [value];
  return items.map((item) => {
    if (item.kind !== 'string') throw new Fault('invalid-request', `path ${JSON.stringify(path)}: ${key} must be a list of strings`);
    return item.text;
  });
}

function plain(value: HclValue): unknown {
  if (value.kind === 'list') return value.items.map(plain);
  if (value.kind === 'object') return Object.fromEntries(value.items.map((item) => [item.keys[0], plain(item.value)]));
  if (value.kind === 'number') return Number(value.text);
  return value.kind === 'bool' ? value.text === 'true' : value.text;
}

function shown(value: HclValue): string {
  return 'text' in value ? JSON.stringify(value.text) : value.kind;
}

function framed(lines: readonly string[]): string {
  return `${lines.length} error${lines.length === 1 ? '' : 's'} occurred:\n${lines.map((line) => `\t* ${line}\n`).join('')}\n`;
}
