// Prints for people or for programs, as -format and -field say.

import { isObject, keysOf, type Secret } from '../client/secret.ts';
import type { CommandContext } from './command.ts';
import type { Format } from './common-flags.ts';
import { Ending } from './ending.ts';
import { type Io, productOf } from './io.ts';
import { type Row, table } from './output/columns.ts';
import { fieldText, goText } from './output/go-value.ts';
import { goJson } from './output/json.ts';
import { fieldOf, secretRows, secretStruct } from './output/secret-view.ts';
import { wrapped } from './output/wrap.ts';
import { yaml } from './output/yaml.ts';

type Printer = Pick<CommandContext, 'say' | 'warn' | 'success' | 'showSecret' | 'showWarnings' | 'showList' | 'show' | 'showField'>;

export function createPrinter(io: Io, format: Format, field: string, detailed: boolean): Printer {
  const say = (line: string) => io.stdout.write(`${line}\n`);
  const warn = (line: string) => io.stderr.write(`${line}\n`);
  const formatted = (value: unknown) => (format === 'yaml' ? yaml(value).trimEnd() : goJson(value));
  const forPeople = format === 'table' || format === 'raw';
  const warnOf = ({ warnings }: Secret) => {
    if (warnings === null || warnings.length === 0) return;
    warn(`WARNING! The following warnings were returned from ${productOf(io)}:\n`);
    for (const warning of warnings) warn(`${wrapped(`* ${warning}`, '  ')}\n`);
  };
  const show = (value: unknown, people: () => void): number => {
    if (forPeople) people();
    else say(formatted(value));
    return 0;
  };
  const showField = (name: string, value: unknown): number => {
    if (value === undefined || value === null) throw new Ending(`Field ${JSON.stringify(name)} not present in secret`);
    io.stdout.write((forPeople ? goText(value) : formatted(value)) + (io.stdout.isTerminal ? '\n' : ''));
    return 0;
  };
  return {
    say,
    warn,
    success: (line) => (format === 'table' ? say(line) : undefined),
    show,
    showField,
    showWarnings: warnOf,
    showSecret(secret) {
      if (field !== '') return showField(field, fieldOf(secret, field));
      return show(secretStruct(secret), () => {
        warnOf(secret);
        const rows = secretRows(secret);
        if (rows.length > 0) say(table([['Key', 'Value'], ...rows]));
      });
    },
    showList(secret) {
      return show(detailed ? secretStruct(secret) : secret.data?.['keys'], () => {
        warnOf(secret);
        const rows = listRows(secret, detailed);
        if (rows.length > 1) say(table(rows));
      });
    },
  };
}

/** The header and the sorted keys; with -detailed a column for each fact that the server tells about any of them. */
function listRows(secret: Secret, detailed: boolean): readonly Row[] {
  const keys = (keysOf(secret) ?? []).map(String).sort();
  const told = secret.data?.['key_info'];
  const info = detailed && isObject(told) ? told : {};
  const factsOf = (key: string) => (isObject(info[key]) ? info[key] : {});
  const names = [...new Set(keys.flatMap((key) => Object.keys(factsOf(key))))].sort();
  const cell = (key: string, name: string) => (Object.hasOwn(factsOf(key), name) ? fieldText(name, factsOf(key)[name]) : '');
  return [['Keys', ...names], ...keys.map((key) => [key, ...names.map((name) => cell(key, name))])];
}
