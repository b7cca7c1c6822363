// A configuration as the parts of a server: what is refused before anything is opened.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../base/config/reader.ts';
import { silentLog } from '../../base/log.ts';
import { partsOf } from './configured.ts';

describe('the folder of audit files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'casemate-configured-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const parts = (store: string, audit: string) => {
    const text = `storage "lmdb" { path = "${join(folder, store)}" }
      listener "tcp" { tls_disable = true }
      audit_directory = "${join(folder, audit)}"`;
    return partsOf(readConfig([{ path: 'server.hcl', text }]).config, {}, silentLog);
  };

  it.each([
    ['data', 'data'],
    ['data/store', 'data'],
    ['data', 'data/audit'],
    ['data/store', 'data/store/../store'],
  ])('is refused where the store lies: store %s, audit files %s', async (store, audit) => {
    await expect(parts(store, audit)).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('must lie apart') });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['data/store', 'data/audit'],
    ['data', 'data-audit'],
    ['data', '..data'],
  ])('may lie beside it: store %s, audit files %s', async (store, audit) => {
    const { storage } = await parts(store, audit);
    await storage.close();
  });
});
