// Everything that a command touches of its process: handed in, so that a test can run commands beside one another.

export interface Input {
  readonly isTerminal: boolean;
  /** All that comes, up to the end. */
  text(): Promise<string>;
  /** One line without its end; undefined at the end of the input. `hidden` keeps a terminal from showing it. */
  line(options: { readonly hidden: boolean }): Promise<string | undefined>;
}

export interface Output {
  readonly isTerminal: boolean;
  write(text: string | Uint8Array): void;
}

export interface Io {
  /** The name that the command was called by: casemate, vault or bao. */
  readonly name: string;
  /** The words after the name. */
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted when the user interrupts the command. */
  readonly signal: AbortSignal;
}

/** What the server's product is called under the name of the command. */
export function productOf({ name }: Pick<Io, 'name'>): string {
  return name === 'vault' ? 'Vault' : name === 'bao' ? 'OpenBao' : 'Casemate';
}
