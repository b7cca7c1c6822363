// Marked secrets, where they are found again in any text, and the routes that they are sent through.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contract, Verb } from '../../src/schema/contract.ts';
import type { TestAnswer } from '../suites/server.ts';

const word = 'MARKEDVAL';

/** A secret that nothing else looks like. `what` is for whoever reads the failure. */
export function marked(what: string): string {
  return `${word}-${what.replaceAll(' ', '-')}-5d1f0b7e`;
}

/** The word as it is, in base64 (nine bytes are twelve characters of their own) and in hex, in both cases. */
const forms = [
  word,
  word.toLowerCase(),
  Buffer.from(word).toString('base64'),
  Buffer.from(word).toString('hex'),
  Buffer.from(word).toString('hex').toUpperCase(),
];

/** Where a secret stands in a text, with what is around it. `others` are secrets that are not marked: tokens and shares. */
export function sightings(text: string, others: readonly string[] = []): string[] {
  return [...forms, ...others].flatMap((secret) => {
    const at = text.indexOf(secret);
    return at < 0 ? [] : [text.slice(Math.max(0, at - 120), at + secret.length + 60)];
  });
}

export interface Call {
  /** `<file in src/api>.<route>.<verb>`. */
  readonly route: string;
  /** Without `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the root token. */
  readonly token?: string | null;
  /** Who asks here may see secrets: their answer is not searched. */
  readonly entitled?: true;
  /** Instead of one below 400. */
  readonly status?: number;
  /** Takes out of the answer what later calls need. */
  readonly learn?: (answer: TestAnswer) => void;
}

/** What earlier calls brought and later ones need. */
export interface Known {
  child: string;
  accessor: string;
  lease: string;
  wrapped: string;
  ciphertext: string;
  backup: string;
  wrappingKey: string;
}

/** Every operation of every contract, as `Call.route` names it, and its contract. */
export async function allRoutes(): Promise<
  ReadonlyMap<string, { readonly contract: Contract; readonly name: string; readonly verb: Verb }>
> {
  const folder = join(import.meta.dirname, '..', '..', 'src', 'api');
  const routes = new Map<string, { readonly contract: Contract; readonly name: string; readonly verb: Verb }>();
  for (const file of readdirSync(folder)) {
    const module = (await import(join(folder, file))) as Record<string, unknown>;
    for (const contract of Object.values(module).filter(isContract))
      for (const [name, { operations }] of Object.entries(contract.routes))
        for (const verb of Object.keys(operations) as Verb[])
          routes.set(`${file.slice(0, -'.ts'.length)}.${name}.${verb}`, { contract, name, verb });
  }
  return routes;
}

function isContract(value: unknown): value is Contract {
  return typeof value === 'object' && value !== null && 'routes' in value && 'description' in value;
}

export const methods = {
  read: 'GET',
  list: 'LIST',
  scan: 'SCAN',
  write: 'POST',
  patch: 'PATCH',
  delete: 'DELETE',
} as const satisfies Record<Verb, string>;
