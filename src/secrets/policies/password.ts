// Password policies: how long passwords are, which characters they are made of, and how many of some kinds there must be.

import { Fault } from '../../base/fault.ts';
import { blocksOf, type HclItem, parseHcl } from '../../base/hcl/parser.ts';
import type { RandomBytes } from '../../base/random.ts';

export interface PasswordRule {
  /** Distinct characters. */
  readonly charset: readonly string[];
  /** How many characters of the password must be of the charset. */
  readonly least: number;
}

export interface PasswordPolicy {
  readonly length: number;
  readonly rules: readonly PasswordRule[];
}

const shortest = 4;
const longest = 100;
/** Candidates that are thrown away before a policy counts as impossible: as many as do not hold up other requests. */
const attempts = 2_000;

/** HCL or JSON. Throws Fault `invalid-request` for what does not parse, and for rules that no password can follow. */
export function parsePasswordPolicy(text: string): PasswordPolicy {
  let length: number | undefined;
  const rules: PasswordRule[] = [];
  for (const item of parseHcl(text)) {
    const key = item.keys[0] as string;
    if (key === 'length') length = numberOf(item);
    else if (key === 'rule') for (const { labels, body } of blocksOf(item, 1)) rules.push(ruleOf(labels[0] ?? '', body));
    else throw refused(`unknown key ${JSON.stringify(key)}`);
  }
  if (length === undefined) throw refused('length must be given');
  if (length < shortest || length > longest)
    throw new Fault('invalid-request', `passwords must be between ${shortest} and ${longest} characters`);
  if (rules.length === 0) throw refused('at least one rule "charset" must be given');
  const needed = rules.reduce((sum, { least }) => sum + least, 0);
  if (needed > length) throw refused(`specified rules require at least ${needed} characters but ${length} is specified`);
  return { length, rules };
}

/** Every password that follows the policy is as likely as any other. Throws Fault `invalid-request` when none was found. */
export function generatePassword({ length, rules }: PasswordPolicy, random: RandomBytes): string {
  const characters = [...new Set(rules.flatMap(({ charset }) => charset))];
  const sets = rules.filter(({ least }) => least > 0).map(({ charset, least }) => ({ charset: new Set(charset), least }));
  for (let attempt = 0; attempt < attempts; attempt++) {
    const candidate = drawn(characters, length, random);
    if (sets.every(({ charset, least }) => candidate.filter((character) => charset.has(character)).length >= least))
      return candidate.join('');
  }
  throw new Fault('invalid-request', 'unable to generate a password from the policy: are the rules impossible?');
}

/** Two bytes each, and those past the last whole multiple are thrown away: no character is more likely than another. */
function drawn(characters: readonly string[], length: number, random: RandomBytes): string[] {
  const bound = 65_536 - (65_536 % characters.length);
  const made: string[] = [];
  while (made.length < length) {
    const bytes = random(2 * (length + 8));
    for (let at = 0; at < bytes.length && made.length < length; at += 2) {
      const value = (bytes[at] as number) * 256 + (bytes[at + 1] as number);
      if (value < bound) made.push(characters[value % characters.length] as string);
    }
  }
  return made;
}

function ruleOf(kind: string, body: readonly HclItem[]): PasswordRule {
  if (kind !== 'charset') throw refused(`unknown rule ${JSON.stringify(kind)}: there is "charset"`);
  let charset: readonly string[] = [];
  let least = 0;
  for (const item of body) {
    const key = item.keys[0] as string;
    if (key === 'charset') charset = charactersOf(item);
    else if (key === 'min-chars') least = numberOf(item);
    else throw refused(`unknown key ${JSON.stringify(key)} in a rule`);
  }
  if (charset.length === 0) throw refused('a charset must not be empty');
  if (least < 0) throw refused('min-chars must not be negative');
  return { charset, least };
}

function charactersOf({ value }: HclItem): readonly string[] {
  if (value.kind !== 'string') throw refused('charset must be a text');
  const characters = [...new Set(value.text)];
  if (characters.some((character) => /[\p{C}]/u.test(character))) throw refused('charset holds characters that cannot be printed');
  return characters;
}

function numberOf({ keys, value }: HclItem): number {
  const number = value.kind === 'number' ? Number(value.text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw refused(`${keys[0]} must be a whole number`);
  return number;
}

function refused(why: string): Fault {
  return new Fault('invalid-request', `invalid password policy: ${why}`);
}
