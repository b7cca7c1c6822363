// Which policies a new token may have: a part of its parent's, or what its role allows.

import { Fault } from '../../base/fault.ts';

export interface PolicyWish {
  /** As sent; empty when nothing was said. */
  readonly wanted: readonly string[];
  readonly noDefault: boolean;
  readonly parent: readonly string[];
  /** Sudo on the creating path frees from the parent's policies. */
  readonly sudo: boolean;
  readonly role?: RolePolicies | undefined;
}

export interface RolePolicies {
  readonly allowed: readonly string[];
  readonly allowedGlob: readonly string[];
  readonly disallowed: readonly string[];
  readonly disallowedGlob: readonly string[];
  readonly noDefault: boolean;
}

/** Policies that the server gives and nobody else. */
export const reservedPolicies = ['response-wrapping', 'control-group'];

/** Trimmed, lower case, each once, sorted. `root` stands alone: it needs no company. */
export function sanitizePolicies(names: readonly string[], addDefault: boolean): string[] {
  const cleaned = new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''));
  if (cleaned.has('root')) return ['root'];
  if (addDefault) cleaned.add('default');
  return [...cleaned].sort();
}

/** Throws Fault `invalid-request` for policies that the parent or the role does not allow. */
export function choosePolicies(wish: PolicyWish): string[] {
  const chosen = wish.role !== undefined && restricts(wish.role) ? fromRole(wish, wish.role) : fromParent(wish);
  for (const policy of chosen) if (reservedPolicies.includes(policy)) throw refused(`cannot assign policy ${JSON.stringify(policy)}`);
  if (chosen.includes('root') && !wish.parent.includes('root'))
    throw refused('root tokens may not be created without parent token being root');
  return chosen;
}

function fromParent({ wanted, parent, sudo, ...wish }: PolicyWish): string[] {
  const noDefault = wish.noDefault || wish.role?.noDefault === true;
  if (wanted.length === 0) return sanitizePolicies(noDefault ? parent.filter((name) => name !== 'default') : parent, false);
  if (sudo) return sanitizePolicies(wanted, !noDefault);
  if (sanitizePolicies(wanted, false).some((name) => !parent.includes(name))) throw refused('child policies must be subset of parent');
  return sanitizePolicies(wanted, !noDefault && parent.includes('default'));
}

function fromRole({ wanted, noDefault, parent }: PolicyWish, role: RolePolicies): string[] {
  const isDisallowed = (name: string): boolean => role.disallowed.includes(name) || matchesAny(role.disallowedGlob, name);
  const addDefault = !noDefault && !role.noDefault && !isDisallowed('default');
  const asked = wanted.length === 0 ? [] : sanitizePolicies(wanted, addDefault);
  const chosen =
    asked.length > 0 ? withinAllowed(asked, role, addDefault) : sanitizePolicies(hasAllowed(role) ? role.allowed : parent, addDefault);
  for (const policy of chosen) if (isDisallowed(policy)) throw refused(`token policy ${JSON.stringify(policy)} is disallowed by this role`);
  return chosen;
}

function withinAllowed(asked: string[], role: RolePolicies, addDefault: boolean): string[] {
  if (!hasAllowed(role)) return asked;
  const allowed = sanitizePolicies(role.allowed, addDefault);
  if (asked.every((name) => allowed.includes(name) || matchesAny(role.allowedGlob, name))) return asked;
  throw refused(
    `token policies (${goList(asked)}) must be subset of the role's allowed policies (${goList(allowed)}) or glob policies (${goList(role.allowedGlob)})`,
  );
}

function hasAllowed(role: RolePolicies): boolean {
  return role.allowed.length > 0 || role.allowedGlob.length > 0;
}

function restricts(role: RolePolicies): boolean {
  return hasAllowed(role) || role.disallowed.length > 0 || role.disallowedGlob.length > 0;
}

/** `*` stands for any text, wherever it stands. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const pieces = pattern.split('*');
    const first = pieces.shift() as string;
    const last = pieces.pop();
    if (last === undefined) return name === pattern;
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
    let rest = name.slice(first.length, name.length - last.length);
    return pieces.every((piece) => {
      const at = rest.indexOf(piece);
      rest = rest.slice(at + piece.length);
      return at >= 0;
    });
  });
}

/** As Go prints a list of quoted strings. */
function goList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
