// The guide's page about installing the KMS plugin: its commands typed at a real cluster, and what it says they print.

import { expect, test } from 'vitest';
import { pattern, stepsOf } from '../../guide/page.ts';
import { makeInstaller } from '../fixture/kms-install.ts';
import { type Finished, makeManager } from '../fixture/manager.ts';
import { writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({});

test('a newcomer who types what the page shows sees what the page shows', async () => {
  const [installer, manager] = [makeInstaller(cluster()), makeManager(cluster())];
  await writeSecret(cluster(), 'default', 'older', 'from before');
  /** The page's node is the fixture's, which lies in another folder. */
  const typed = async (line: string): Promise<Finished> => {
    const [program = '', family = '', verb = '', ...words] = line.split(' ');
    const flags = words.filter((word) => word !== '-local' && word !== '-yes' && !word.startsWith('-image='));
    if (program === 'kubectl') return cluster().kubectl([family, verb, ...words]);
    if (family === 'kms') return installer.run(verb as 'install', cluster().servers[0], ...flags);
    return manager.run([verb, ...words]);
  };
  const steps = stepsOf('kms-install');
  expect(steps.length).toBe(5);
  for (const { commands, shown } of steps) {
    let printed = '';
    for (const line of commands.trim().split('\n')) {
      const { stdout, stderr, code } = await typed(line);
      expect(code, `${line}\n${stderr}\n${stdout}`).toBe(0);
      printed += `${stdout}\n`;
    }
    const lines = printed.split('\n').flatMap((line) => (line.trim() === '' ? [] : [`${line.trimEnd()}\n`]));
    if (shown !== undefined) expect(lines.join(''), commands).toMatch(pattern(shown));
  }
}, 400_000);
