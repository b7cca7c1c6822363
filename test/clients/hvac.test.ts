// hvac, the Python client of Vault, as it is published: one walk through everything, over https and over http.

import { describe, it } from 'vitest';
import { NO_HVAC, pythonWithHvac } from '../foundation/python.ts';
import { startTestServer } from '../suites/server.ts';
import { certificatePath, testTls } from './certificate.ts';
import { expectSteps, walk } from './hvac-run.ts';
import { expectedSteps } from './hvac-steps.ts';

const python = pythonWithHvac();

describe('hvac', () => {
  it.for(['https', 'http'] as const)('works unchanged over %s, from initialising to sealing', async (scheme, context) => {
    if (python === undefined) return context.skip(NO_HVAC);
    const server = await startTestServer({ init: 'raw', ...(scheme === 'https' ? { listenAt: { tls: testTls() } } : {}) });
    try {
      expectSteps(await walk(python, 'hvac-walk.py', [`${scheme}://127.0.0.1:${server.port}`, certificatePath]), expectedSteps);
    } finally {
      await server.end();
    }
  });
});
