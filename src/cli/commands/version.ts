// casemate version: whose API, and which Casemate.

import { openbaoVersion, version as ownVersion, vaultVersion } from '../../base/version.ts';
import { command } from '../command.ts';

/** Tools parse the second word and compare it with the versions of the product whose name the command bears. */
export function versionLine(name: string): string {
  switch (name) {
    case 'vault':
      return `Vault v${vaultVersion} (casemate ${ownVersion})`;
    case 'bao':
      return `OpenBao v${openbaoVersion} (casemate ${ownVersion})`;
    default:
      return `Casemate v${ownVersion}`;
  }
}

export const version = command({
  synopsis: 'Print the version of the command',
  usage: '',
  help: 'Prints the version of this command. That of the server is printed by "status".',
  output: { format: false },
  async run(context) {
    context.expect(0);
    context.say(versionLine(context.io.name));
    return 0;
  },
});
