// Values as Go's %v and %q print them, and durations without their zeros: what stands in the cells of tables.

import { formatGoDuration } from '../../base/durations.ts';

/** %v of decoded JSON: `<nil>`, `[a b]`, `map[a:b c:d]`. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (JSON.isRawJSON(value)) return value.rawJSON;
  if (value instanceof Map) return goText(Object.fromEntries(value));
  if (typeof value !== 'object') return String(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${members.map(([name, member]) => `${name}:${goText(member)}`).join(' ')}]`;
}

/** %q of a list of texts: `["a" "b"]`. */
export function goQuotedList(texts: readonly string[] | null): string {
  return `[${(texts ?? []).map((text) => JSON.stringify(text)).join(' ')}]`;
}

/** `768h`, `1h5s`, `10m`, `0s`. */
export function humanDuration(seconds: number): string {
  return formatGoDuration(seconds)
    .replace(/m0s$/, 'm')
    .replace(/(\dh)0m/, '$1');
}

/** As goText, but whole seconds of a field whose name says that it is a duration are printed as one. */
export function fieldText(name: string, value: unknown): string {
  return typeof value === 'number' && Number.isInteger(value) && looksLikeDuration(name) ? humanDuration(value) : goText(value);
}

function looksLikeDuration(name: string): boolean {
  return /(?:^|_)(?:period|ttl|duration)$/.test(name) || name === 'lease_max' || name === 'ttl_max';
}

/** RFC 3339 as Go's Time.String prints it: `2026-11-23 10:51:00.5 +0000 UTC`. */
export function goTime(text: string): string {
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-]\d\d):(\d\d))$/.exec(text);
  if (parts === null) return text;
  const [, date, clock, fraction = '', hours, minutes] = parts;
  const trimmed = fraction.replace(/\.?0+$/, '');
  const zone = hours === undefined ? '+0000 UTC' : `${hours}${minutes} ${hours}${minutes}`;
  return `${date} ${clock}${trimmed} ${zone}`;
}
