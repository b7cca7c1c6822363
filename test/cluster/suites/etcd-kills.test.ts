// The manager is killed with SIGKILL in every step and at any time: the same end state when it is resumed, from here or elsewhere.

import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { begins, expectEnd, killedIn, passwords, stepsOf } from '../fixture/manager-end.ts';
import { writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({ apiservers: 3 });
const secrets = passwords(12);
let namespace = '';
let manager: Manager;

beforeAll(async () => {
  manager = makeManager(cluster());
  namespace = await cluster().namespace();
  for (const [name, password] of Object.entries(secrets)) await writeSecret(cluster(), namespace, name, password);
}, 60_000);

/** Killed in each step that comes up, and resumed each time: one step further every time. Tells the steps. */
async function killedInEachStep(words: readonly string[]): Promise<readonly string[]> {
  const killed: string[] = [];
  for (let next = words; ; next = ['resume']) {
    const running = manager.start([...next, '-format=json']);
    const isNew = (step: string) => !killed.includes(step);
    for (const over = running.ended.then(() => true); !stepsOf(running.stderr()).some(isNew); )
      if (await Promise.race([over, delay(5, false)])) break;
    const step = stepsOf(running.stderr()).find(isNew);
    if (step === undefined) {
      const finished = await running.ended;
      expect(finished.code, finished.stderr).toBe(0);
      return killed;
    }
    // Some of the kills come at once, others when the step is half done.
    await delay((killed.length % 3) * 20);
    running.kill('SIGKILL');
    const { code } = await running.ended;
    killed.push(step);
    // The last step was quicker.
    if (code === 0) return killed;
    expect(killed.length).toBeLessThan(60);
  }
}

/** A quick machine is past a short step before it is killed: of each phase some step was not. */
function expectKilledInEachPhase(killed: readonly string[]): void {
  const phases = new Set(killed.map((step) => step.replace(/\/.*/, '')));
  expect([...phases]).toEqual(expect.arrayContaining(['store', 'read', 'write', 'rewrite', 'verify', 'final']));
}

test('enable, killed in each of its steps and resumed, ends as one that ran through', async () => {
  const killed = await killedInEachStep(['enable', '-yes', '-provider=aescbc']);
  expectKilledInEachPhase(killed);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 900_000);

test('rotate-key, killed in each of its steps and resumed, ends as one that ran through', async () => {
  const killed = await killedInEachStep(['rotate-key', '-yes']);
  expectKilledInEachPhase(killed);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 600_000);

test('rotate-key, killed again and again at any time, ends all the same', async () => {
  let ended = false;
  for (let round = 0; round < 8 && !ended; round++) {
    const running = manager.start([...(round === 0 ? ['rotate-key', '-yes'] : ['resume']), '-format=json']);
    // Not before the change is written down: otherwise there is nothing to resume.
    if (round === 0) await begins(running, /./);
    await Promise.race([running.ended, delay(500 + Math.random() * 4_000)]);
    running.kill('SIGKILL');
    const { code, stderr } = await running.ended;
    if (code !== undefined) expect(code, stderr).toBe(0);
    ended = code === 0;
  }
  if (!ended) await manager.must(['resume', '-format=json']);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 600_000);

test('a machine that never saw the change takes it to its end by the copies on the nodes, and the first one learns of it', async () => {
  const killed = await killedIn(manager, ['rotate-key', '-yes'], 'rewrite');
  expect(stepsOf(killed.stderr)).toContain('write/cp3');
  const other = makeManager(cluster(), { name: 'other' });
  const refused = await other.run(['abort', '-format=json']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('it is too late to abort');
  await other.must(['resume', '-format=json']);
  await expectEnd(cluster(), other, { namespace, secrets });

  // What the first machine still has open is over, and is neither resumed nor taken back there.
  await other.must(['rotate-key', '-yes', '-format=json']);
  for (const verb of ['resume', 'abort']) {
    const told = await manager.run([verb]);
    expect(told.code).toBe(1);
    expect(told.stderr).toContain('no change is under way');
  }
  await manager.must(['rotate-key', '-yes', '-format=json']);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 600_000);

test('of two managers at once one is refused, and changes nothing', async () => {
  const other = makeManager(cluster(), { name: 'other' });
  const first = manager.start(['rotate-key', '-yes', '-format=json']);
  await begins(first, /^store/);
  // Held in its tracks, it is still alive for the other one as long as its lease is renewed.
  const beside = await manager.run(['rotate-key', '-yes', '-format=json']);
  expect(beside.code).toBe(1);
  expect(beside.stderr).toContain('another casemate etcd is at work');
  const elsewhere = await other.run(['rotate-key', '-yes', '-format=json']);
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toMatch(/another manager|a change is under way|has changed this cluster|runs with another/);
  const finished = await first.ended;
  expect(finished.code, finished.stderr).toBe(0);
  await expectEnd(cluster(), manager, { namespace, secrets });
}, 300_000);
