// The audit stanzas: devices that are there from the start, whoever calls the API.

import type { AuditConfig } from './config.ts';
import { bool, type Kind, text } from './kind.ts';
import { quoted, refuse, type Section } from './section.ts';

/** Throws Fault `usage` for a type that does not exist, a path that is taken, or a device without its file. */
export function readAudits(top: Section): AuditConfig[] {
  const seen = new Map<string, string>();
  return top.stanzas('audit', 'TYPE', 'PATH').map((stanza) => {
    const audit = readAudit(stanza);
    const first = seen.get(audit.path);
    if (first !== undefined) throw refuse(stanza.where, `the audit device at ${first} has the same path; give each its own`);
    seen.set(audit.path, stanza.where);
    return audit;
  });
}

/** Options are text in the device's record, also those that look like numbers or bools. */
const option: Kind<string> = {
  allowed: text.allowed,
  of: (value) => (value.kind === 'bool' ? value.text : text.of(value)),
};

function readAudit(stanza: Section): AuditConfig {
  const [type = '', name = ''] = stanza.labels;
  if (type.toLowerCase() !== 'file')
    throw refuse(stanza.where, `an audit device of type ${quoted(type)} does not exist here; use file (its file_path may be stdout)`);
  const path = name.split('/').filter(Boolean).join('/');
  if (path === '') throw refuse(stanza.where, 'an audit device needs a path: audit "file" "to-disk" { … }');
  const description = stanza.read('description', text) ?? '';
  // There is no replication that a device could stay out of.
  stanza.read('local', bool);
  const { path: alias, ...options } = stanza.merged('options').readAll(option);
  // `path` is the older name of the option.
  const file = options['file_path'] || alias || '';
  if (file === '') throw refuse(stanza.where, `${stanza.title} needs options { file_path = "…" }, a path or stdout`);
  stanza.warnOfRest();
  return { type: 'file', path: `${path}/`, description, options: { ...options, file_path: file } };
}
