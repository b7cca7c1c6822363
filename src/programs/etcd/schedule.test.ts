// The CronJob that rotates: how often, and with how little.

import { afterEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { cronOf, printSchedule } from './schedule.ts';

const hours = (count: number) => count * 3_600;
const days = (count: number) => count * 86_400;

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  [hours(1), '17 */1 * * *'],
  [hours(12), '17 */12 * * *'],
  [days(1), '17 3 */1 * *'],
  [days(7), '17 3 * * 0'],
  [days(14), '17 3 1,15 * *'],
  [days(30), '17 3 1 * *'],
  [days(90), '17 3 1 */3 *'],
])('every %d seconds is %s', (seconds, cron) => {
  expect(cronOf(seconds)).toBe(cron);
});

test('less than an hour is refused: a rotation takes minutes', () => {
  expect(() => cronOf(1_800)).toThrow('an hour is the shortest period');
});

test('the job runs on a control-plane node, one at a time, without a token of the API', () => {
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  expect(printSchedule({ every: days(30), image: 'casemate:0.1.0', provider: 'secretbox' })).toBe(0);
  const { kind, spec } = parse(printed);
  expect(kind).toBe('CronJob');
  expect(spec).toMatchObject({ schedule: '17 3 1 * *', concurrencyPolicy: 'Forbid' });
  const pod = spec.jobTemplate.spec.template.spec;
  expect(pod).toMatchObject({ automountServiceAccountToken: false, nodeSelector: { 'node-role.kubernetes.io/control-plane': '' } });
  expect(pod.containers[0].args).toEqual(expect.arrayContaining(['rotate-key', '-yes', '-provider=secretbox']));
  expect(pod.containers[0].securityContext).toMatchObject({ allowPrivilegeEscalation: false });
});
