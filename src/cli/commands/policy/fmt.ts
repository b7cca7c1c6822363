// casemate policy fmt: lays the file of a policy out anew.

import { writeFile } from 'node:fs/promises';
import { Fault } from '../../../base/fault.ts';
import { command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { readPolicyFile } from './file.ts';
import { laidOut } from './layout.ts';

export const fmt = command({
  synopsis: 'Lay the file of a policy out anew',
  usage: '[options] FILE',
  help: 'Indents a policy in HCL and puts its equals signs below one another, in the file itself. Comments and line ends stay where they are. A file that is no HCL is left alone; whether the server takes the policy is not asked.',
  examples: { 'Lay a file out before it is kept': 'policy fmt app.hcl' },
  output: { format: false },
  async run(context) {
    const [argument] = context.expect(1);
    const path = argument.trim();
    const before = await readPolicyFile(path, 1);
    const after = formatted(before);
    if (after !== before) await writeFile(path, after);
    context.success(`Success! Formatted policy: ${path}`);
    return 0;
  },
});

function formatted(text: string): string {
  try {
    return laidOut(text);
  } catch (thrown) {
    throw thrown instanceof Fault ? new Ending(`failed to parse policy: ${thrown.message}`, 1, { cause: thrown }) : thrown;
  }
}
