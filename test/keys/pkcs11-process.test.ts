// The process of a PKCS#11 module and its parent: whatever ends the parent ends it too.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lives, makeToken, moduleProcesses, type SofthsmToken, withoutSofthsm } from './softhsm-token.ts';

const missing = withoutSofthsm();
if (missing !== undefined) it('the process of a PKCS#11 module', ({ skip }) => skip(missing));

describe.skipIf(missing !== undefined)('the process of a PKCS#11 module', () => {
  let token: SofthsmToken;
  beforeAll(() => {
    token = makeToken();
    token.importKey('etcd', '01');
  });
  afterAll(() => token.end());

  async function parent(then: 'wait' | 'end'): Promise<ChildProcess> {
    const program = join(import.meta.dirname, 'pkcs11-parent.ts');
    const started = spawn(process.execPath, [program, token.module, token.pin, then], {
      env: token.environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(started.stdout as NonNullable<typeof started.stdout>, 'data');
    return started;
  }

  it.each([
    ['in the midst of its work', false],
    ['while it hangs itself', true],
  ])('ends with a parent that is killed, %s', async (_when, isStopped) => {
    const started = await parent('wait');
    const [pid = 0, another] = moduleProcesses(started.pid);
    expect([lives(pid), another]).toEqual([true, undefined]);
    if (isStopped) process.kill(pid, 'SIGSTOP');
    started.kill('SIGKILL');
    await expect.poll(() => lives(pid), { timeout: 5_000 }).toBe(false);
  });

  it('holds no parent that has nothing else to do', async () => {
    const started = await parent('end');
    const [code] = started.exitCode === null ? await once(started, 'exit') : [started.exitCode];
    expect(code).toBe(0);
    expect(moduleProcesses(started.pid)).toEqual([]);
  });

  it('says what it is when somebody starts it by hand', async () => {
    const started = spawn(process.execPath, [join(import.meta.dirname, '../../src/programs/pkcs11-module.ts')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    started.stderr.on('data', (bytes: Buffer) => (said += bytes));
    const [code] = await once(started, 'close');
    expect(code).toBe(1);
    expect(said).toContain('This program is started by a key backend of type pkcs11');
  });
});
