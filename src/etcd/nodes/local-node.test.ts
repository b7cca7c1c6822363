// The node that is this machine: the exercise suite, and what only files without a shell can do.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exerciseNodeAccess, helloServer } from '../../../test/suites/node-access.ts';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../crypto/random.ts';
import { openLocalNode } from './local-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'casemate-local-node-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const soon = () => AbortSignal.timeout(10_000);

describe.skipIf(process.getuid?.() !== 0)('with root', () => {
  exerciseNodeAccess('this machine', async () => {
    const server = await helloServer();
    return {
      node: openLocalNode({ name: 'cp1', random: systemRandom }),
      folder,
      shell: async (script) => execFileSync('sh', ['-euc', script], { encoding: 'utf8' }),
      listen: async () => server.port,
      end: server.close,
    };
  });
});

it('a draft is labelled before it takes the place of the file, and goes when that fails', async () => {
  const path = join(folder, 'labelled');
  const seen: unknown[] = [];
  const node = openLocalNode({
    name: 'cp1',
    random: systemRandom,
    relabel: async (draft, like) => {
      seen.push([readFileSync(draft, 'utf8'), existsSync(like)]);
      if (seen.length > 1) throw new Fault('storage-failed', 'no label');
    },
  });
  await node.write(path, Buffer.from('one'), { mode: 0o600 }, soon());
  await expect(node.write(path, Buffer.from('two'), { mode: 0o600 }, soon())).rejects.toThrow('no label');
  expect(seen).toStrictEqual([
    ['one', false],
    ['two', true],
  ]);
  expect(readFileSync(path, 'utf8')).toBe('one');
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toStrictEqual([]);
});

it('nothing answers at a port where nobody listens', async () => {
  const server = await helloServer();
  await server.close();
  const node = openLocalNode({ name: 'cp1', random: systemRandom });
  await expect(node.connect('127.0.0.1', server.port, soon())).rejects.toMatchObject({ code: 'unavailable' });
});

it('a file that is being read is what it was at one moment, however often it is replaced', async () => {
  const node = openLocalNode({ name: 'cp1', random: systemRandom });
  const path = join(folder, 'flapping');
  writeFileSync(path, 'a'.repeat(100_000));
  const writing = (async () => {
    for (let round = 0; round < 40; round += 1)
      await node.write(path, Buffer.alloc(100_000, round % 2 === 0 ? 'b' : 'a'), { mode: 0o600 }, soon());
  })();
  for (let round = 0; round < 40; round += 1) expect((await node.read(path, soon()))?.bytes.toString()).toMatch(/^(a{100000}|b{100000})$/);
  await writing;
});
