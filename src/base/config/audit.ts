// The audit stanzas: devices that are there from the start, whoever calls the API.

import type { AuditConfig } from './config.ts';
import { bool, type Kind, text } from './kind.ts';
import { quoted, refuse, type Section } from './section.ts';

/** Throws Fault `usage` for a type that does not exist, a path that is taken, or a device without the place it writes to. */
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

/** The option without which a device has no place to write to, and what may stand there. */
const places: ReadonlyMap<AuditConfig['type'], readonly [option: string, what: string]> = new Map([
  ['file', ['file_path', 'a path or stdout']],
  ['socket', ['address', 'host:port or the path of a socket']],
  ['http', ['uri', 'an http or https URL']],
]);

function readAudit(stanza: Section): AuditConfig {
  const [given = '', name = ''] = stanza.labels;
  const type = [...places.keys()].find((one) => one === given.toLowerCase());
  if (type === undefined)
    throw refuse(
      stanza.where,
      `an audit device of type ${quoted(given)} does not exist here; use file (its file_path may be stdout), socket or http`,
    );
  const path = name.split('/').filter(Boolean).join('/');
  if (path === '') throw refuse(stanza.where, `an audit device needs a path: audit "${type}" "to-disk" { … }`);
  const description = stanza.read('description', text) ?? '';
  // There is no replication that a device could stay out of.
  stanza.read('local', bool);
  const options = withoutAlias(type, stanza.merged('options').readAll(option));
  const [place, what] = places.get(type) as readonly [string, string];
  if ((options[place] ?? '') === '') throw refuse(stanza.where, `${stanza.title} needs options { ${place} = "…" }, ${what}`);
  stanza.warnOfRest();
  return { type, path: `${path}/`, description, options };
}

/** `path` is the older name of a file's option. */
function withoutAlias(type: AuditConfig['type'], options: Readonly<Record<string, string>>): Record<string, string> {
  if (type !== 'file') return { ...options };
  const { path: alias, ...others } = options;
  return { ...others, file_path: others['file_path'] || alias || '' };
}
