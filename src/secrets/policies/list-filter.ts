// Hides from a list the names that the caller could do nothing with, where a rule says which path each name stands for.

import { Fault } from '../../base/fault.ts';
import type { Answer } from '../core/engine.ts';

/** The path that a name of the list at `path` stands for. */
export type ListFilter = (path: string, key: string) => string;

/** A text with `{{ .path }}` and `{{ .key }}` in it. Throws Fault `invalid-request` for anything else in braces. */
export function parseListFilter(text: string): ListFilter {
  const parts = text.split(/(\{\{.*?\}\})/);
  const fill = parts.map((part) => {
    const variable = /^\{\{\s*\.(path|key)\s*\}\}$/.exec(part)?.[1];
    if (variable === undefined && /\{\{|\}\}/.test(part))
      throw new Fault(
        'invalid-request',
        `list_scan_response_keys_filter_path: ${JSON.stringify(part)} is neither {{ .path }} nor {{ .key }}`,
      );
    return (path: string, key: string) => (variable === 'path' ? path : variable === 'key' ? key : part);
  });
  return (path, key) => fill.map((part) => part(path, key)).join('');
}

/** The answer with those names that may be read, or listed where they end in a slash. */
export function filterList(
  answer: Answer | undefined,
  namedPath: (key: string) => string,
  mayUse: (operation: 'read' | 'list', path: string) => boolean,
): Answer | undefined {
  const keys = answer?.data?.['keys'];
  if (answer === undefined || !Array.isArray(keys)) return answer;
  const shown = (keys as readonly string[]).filter((key) => mayUse(key.endsWith('/') ? 'list' : 'read', namedPath(key)));
  const info = answer.data?.['key_info'] as Readonly<Record<string, unknown>> | undefined;
  const shownInfo = info === undefined ? {} : { key_info: Object.fromEntries(Object.entries(info).filter(([key]) => shown.includes(key))) };
  return { ...answer, data: { ...answer.data, keys: shown, ...shownInfo } };
}
