// The seal stanza: how the root key comes back after a start.

import type { SealConfig, SealKey } from './config.ts';
import { key } from './key-source.ts';
import { bool, listed, text } from './kind.ts';
import { heldSealTypes, readHolder } from './seal-holder.ts';
import { quoted, refuse, type Section } from './section.ts';

/** Shamir's shares where no stanza stands. `kms` and `hsm` are the stanza's older names. Throws Fault `usage`. */
export function readSeal(top: Section): SealConfig {
  const [stanza, another] = ['seal', 'kms', 'hsm'].flatMap((name) => top.stanzas(name, 'TYPE'));
  if (stanza === undefined) return { type: 'shamir' };
  if (another !== undefined)
    throw refuse(another.where, `${another.title} is one too many: there is ${stanza.title} at ${stanza.where}, and a server has one seal`);
  if (stanza.read('disabled', bool) === true)
    throw refuse(
      stanza.whereIs('disabled'),
      `${stanza.title} is disabled, and moving from one seal to another is not possible; remove the stanza`,
    );
  const seal = sealOf(stanza);
  stanza.warnOfRest();
  return seal;
}

function sealOf(stanza: Section): SealConfig {
  const type = stanza.labels[0] ?? '';
  if (type.toLowerCase() === 'shamir') return { type: 'shamir' };
  const held = heldSealTypes.find((one) => one === type.toLowerCase());
  if (held !== undefined) return { type: held, holder: readHolder(held, stanza) };
  if (type.toLowerCase() !== 'static')
    throw refuse(stanza.where, `a seal of type ${quoted(type)} does not exist here; use ${listed(['shamir', 'static', ...heldSealTypes])}`);
  const current = readKey(stanza, 'current');
  if (current === undefined) throw refuse(stanza.where, `${stanza.title} needs current_key, ${key.allowed}`);
  const previous = readKey(stanza, 'previous');
  if (previous === undefined) return { type: 'static', current };
  if (current.id !== undefined && current.id === previous.id)
    throw refuse(
      stanza.whereIs('previous_key_id'),
      'previous_key_id must differ from current_key_id: a name is never used again for another key',
    );
  return { type: 'static', current, previous };
}

function readKey(stanza: Section, which: 'current' | 'previous'): SealKey | undefined {
  const id = stanza.read(`${which}_key_id`, text);
  const source = stanza.read(`${which}_key`, key);
  if (source !== undefined) return { id, source };
  if (id !== undefined) throw refuse(stanza.whereIs(`${which}_key_id`), `${which}_key_id needs ${which}_key beside it`);
  return undefined;
}
