// How a command ends before its last line: a sentence and an exit code.

/** 0: what was asked for, on stdout; 1: used wrongly; 2: refused by the server, or nothing there, which is 3 where Vault has it so. All but 0 on stderr. */
export class Ending extends Error {
  readonly exit: number;

  constructor(message: string, exit = 1, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Ending';
    this.exit = exit;
  }
}
