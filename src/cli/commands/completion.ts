// casemate completion: what a shell runs to complete command lines.

import { command } from '../command.ts';
import { Ending } from '../ending.ts';
import { completionScript, shells } from '../shells.ts';

export const completion = command({
  synopsis: 'Print what a shell runs to complete command lines',
  usage: 'bash|zsh|fish',
  help: `Prints the lines that make a shell complete the names of commands and flags. They call the command by its name, which must be found on the PATH.

Under bash and zsh put them into .bashrc or .zshrc, under fish into a file of ~/.config/fish/completions. "-autocomplete-install" does that for the shells that are set up in the home, and "-autocomplete-uninstall" takes it back.`,
  examples: { 'Complete in this shell from now on': 'completion bash' },
  output: { format: false },
  async run(context) {
    const [wanted] = context.expect(1);
    const shell = shells.find((known) => known === wanted);
    if (shell === undefined) throw new Ending(`there is no completion for ${wanted}: name one of ${shells.join(', ')}`);
    const { name } = context.io;
    context.io.stdout.write(completionScript(shell, name, name));
    return 0;
  },
});
