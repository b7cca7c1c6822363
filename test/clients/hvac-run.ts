// Runs a walk with hvac, the Python client of Vault as it is published, and compares its steps with what they must be.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';

export type Expected = { readonly value: unknown } | { readonly error: string; readonly message: unknown };
export type Step = { readonly step: string } & Expected;

export const value = (wanted: unknown): Expected => ({ value: wanted });
export const done = value({ status: 204 });
/** hvac puts method and URL behind what the server said. */
export const refused = (error: string, text: string): Expected => ({ error, message: expect.stringContaining(`${text}, on `) });

/** The steps that a script of this folder printed. */
export async function walk(python: string, script: string, words: readonly string[]): Promise<Step[]> {
  const { stdout } = await promisify(execFile)(python, [join(import.meta.dirname, script), ...words], {
    env: { ...process.env, VAULT_TOKEN: '' },
  });
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Step);
}

/** The same steps in the same order, each with what it must come to. */
export function expectSteps(steps: readonly Step[], expected: Readonly<Record<string, Expected>>): void {
  expect(steps.map(({ step }) => step)).toStrictEqual(Object.keys(expected));
  for (const { step, ...outcome } of steps) expect(outcome, step).toMatchObject(expected[step] as Expected);
}
