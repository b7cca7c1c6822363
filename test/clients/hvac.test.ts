// hvac, the Python client of Vault, as it is published: one walk through everything, over https and over http.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { NO_HVAC, pythonWithHvac } from '../foundation/python.ts';
import { startTestServer } from '../suites/server.ts';
import { certificatePath, testTls } from './certificate.ts';
import { type Expected, expectedSteps } from './hvac-steps.ts';

const script = join(import.meta.dirname, 'hvac-walk.py');
const python = pythonWithHvac();

type Step = { readonly step: string } & Expected;

async function walk(interpreter: string, scheme: 'http' | 'https'): Promise<Step[]> {
  const server = await startTestServer({ init: 'raw', ...(scheme === 'https' ? { listenAt: { tls: testTls() } } : {}) });
  try {
    const address = `${scheme}://127.0.0.1:${server.port}`;
    const { stdout } = await promisify(execFile)(interpreter, [script, address, certificatePath], {
      env: { ...process.env, VAULT_TOKEN: '' },
    });
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Step);
  } finally {
    await server.end();
  }
}

describe('hvac', () => {
  it.for(['https', 'http'] as const)('works unchanged over %s, from initialising to sealing', async (scheme, context) => {
    if (python === undefined) return context.skip(NO_HVAC);
    const steps = await walk(python, scheme);
    expect(steps.map(({ step }) => step)).toStrictEqual(Object.keys(expectedSteps));
    for (const { step, ...outcome } of steps) expect(outcome, step).toMatchObject(expectedSteps[step] as Expected);
  });
});
